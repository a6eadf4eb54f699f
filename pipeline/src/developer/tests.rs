use std::io;
use std::path::Path;

use super::*;

fn refused(errno: Errno) -> Error {
    Error::file("replace", Path::new("IMG_1.jpg"), errno)
}

#[test]
fn what_waiting_does_not_cure_is_an_attempt_and_what_may_pass_is_none() {
    use Errno::{
        EACCES, EAGAIN, EBUSY, EDQUOT, EHOSTUNREACH, EINTR, EINVAL, EIO, EMFILE, ENAMETOOLONG, ENFILE,
        ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS, ESTALE, ETIMEDOUT,
    };
    for errno in [EIO, EROFS, ENAMETOOLONG, EACCES, EPERM, ENOTDIR, EINVAL] {
        assert!(!passes(&refused(errno)), "{errno}");
    }
    for errno in
        [ENOSPC, EDQUOT, ENOMEM, EAGAIN, EINTR, EBUSY, EMFILE, ENFILE, ESTALE, ETIMEDOUT, EHOSTUNREACH]
    {
        assert!(passes(&refused(errno)), "{errno}");
    }
    let spool = |source| crate::spool::Error::Io { operation: "read", path: "a.raw".into(), source };
    assert!(!passes(&spool(io::Error::from(EIO)).into()));
    assert!(passes(&spool(io::Error::from(ENOMEM)).into()));
    assert!(passes(&crate::spool::Error::Newer { path: "a.raw".into(), found: 9, known: 2 }.into()));
    assert!(!passes(&Error::Panicked { lane: "developer", message: String::new() }));
}
