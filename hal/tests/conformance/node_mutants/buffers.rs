//! Nodes whose buffers are wrong.

use super::*;

fn requested(
    check: &'static str,
    answer: impl Fn(&NodeCall<'_>, u32, Memory, bool) -> nix::Result<Grant> + Send + Sync + Clone + 'static,
) -> Mutant {
    on(check, move |calls| {
        let answer = answer.clone();
        calls.request =
            Some(Arc::new(move |call, (count, memory, cached)| answer(&call, count, memory, cached)));
    })
}

pub(super) fn all() -> Vec<Mutant> {
    const OWN: Memory = Memory::Driver;
    vec![
        requested("buffers.request.some", |call, count, memory, cached| {
            call.node.request(
                if (count, memory, cached) == (2, OWN, false) { 1 } else { count },
                memory,
                cached,
            )
        }),
        on("buffers.request.close-frees", |calls| {
            // The file that has buffers; and whether one was closed that did not free its own.
            let owner = Arc::new(Mutex::new((0u32, false)));
            let closing = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let mut owner = owner.lock().unwrap();
                if owner.1 {
                    return Err(Errno::EBUSY);
                }
                let grant = call.node.request(count, memory, cached)?;
                owner.0 = if count == 0 { 0 } else { call.file };
                Ok(grant)
            }));
            calls.close = Some(Arc::new(move |call| {
                let mut owner = closing.lock().unwrap();
                owner.1 |= owner.0 == call.file;
            }));
        }),
        requested("buffers.request.one", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(if count == 1 { Grant { count: 100, ..grant } } else { grant })
        }),
        requested("buffers.request.many", |call, count, memory, cached| {
            if count == 1024 { Err(Errno::EIO) } else { call.node.request(count, memory, cached) }
        }),
        on("buffers.request.none-frees", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| match call.node.lengths(index, memory) {
                Err(Errno::EINVAL) if index == 0 => Ok(vec![1]),
                lengths => lengths,
            }));
        }),
        on("buffers.request.again", |calls| {
            let rounds = Notes::<u32>::new();
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let round = rounds.with(call.file, |rounds| {
                    // Whoever frees before it asks is another one.
                    *rounds = if count == 0 { 0 } else { *rounds + u32::from(count == 3) };
                    *rounds
                });
                if count == 3 && round > 2 {
                    Err(Errno::ENOMEM)
                } else {
                    call.node.request(count, memory, cached)
                }
            }));
        }),
        on("buffers.request.other-busy", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let mut owner = owner.lock().unwrap();
                match call.node.request(count, memory, cached) {
                    Err(Errno::EBUSY) if *owner != call.file => Ok(Grant { count, capabilities: OWN_MEMORY }),
                    Ok(grant) => {
                        *owner = call.file;
                        Ok(grant)
                    }
                    refused => refused,
                }
            }));
        }),
        requested("buffers.request.capabilities", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(Grant { capabilities: grant.capabilities & !OWN_MEMORY, ..grant })
        }),
        requested("buffers.request.cache-hint", |call, count, memory, cached| {
            if cached { Err(Errno::EINVAL) } else { call.node.request(count, memory, cached) }
        }),
        on("buffers.query.length", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| {
                Ok(call.node.lengths(index, memory)?.into_iter().map(|length| length / 2).collect())
            }));
        }),
        on("buffers.query.behind-last", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| {
                if index == u32::MAX { Ok(vec![1]) } else { call.node.lengths(index, memory) }
            }));
        }),
        on("buffers.format.busy-own", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            let requesting = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let grant = call.node.request(count, memory, cached)?;
                *requesting.lock().unwrap() = call.file;
                Ok(grant)
            }));
            calls.set_format = Some(Arc::new(move |call, (wanted,)| match call.node.set_format(&wanted) {
                Err(Errno::EBUSY) if *owner.lock().unwrap() == call.file => call.node.try_format(&wanted),
                set => set,
            }));
        }),
        on("buffers.format.busy-other", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            let requesting = Arc::clone(&owner);
            let closing = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let grant = call.node.request(count, memory, cached)?;
                *requesting.lock().unwrap() = if count > 0 { call.file } else { 0 };
                Ok(grant)
            }));
            calls.close = Some(Arc::new(move |call| {
                let mut owner = closing.lock().unwrap();
                if *owner == call.file {
                    *owner = 0;
                }
            }));
            calls.set_format = Some(Arc::new(move |call, (wanted,)| {
                let owner = *owner.lock().unwrap();
                match call.node.set_format(&wanted) {
                    Err(Errno::EBUSY) if owner != 0 && owner != call.file => call.node.try_format(&wanted),
                    set => set,
                }
            }));
        }),
        exported("buffers.export.each", |call, index, plane| {
            if index == 2 { Err(Errno::EINVAL) } else { call.node.export(index, plane) }
        }),
        exported("buffers.export.behind-last", |call, index, plane| {
            call.node.export(index, plane).or_else(|_| call.node.export(0, 0))
        }),
        exported("buffers.export.size", |call, index, plane| {
            call.node.export(index, plane)?;
            Ok(tempfile::tempfile().unwrap().into())
        }),
        exported("buffers.export.private", |call, index, plane| {
            let file = call.node.export(index, plane)?;
            fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(file)
        }),
        exported("buffers.export.distinct", |call, index, plane| {
            call.node.export(index, plane)?;
            call.node.export(0, plane)
        }),
        exported("buffers.export.readable", |call, index, plane| {
            let file = call.node.export(index, plane)?;
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(File::options().write(true).open(path).unwrap().into())
        }),
        requested("buffers.export.outlives", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(Grant { capabilities: grant.capabilities & !ORPHANS, ..grant })
        }),
        on("buffers.queue.twice", |calls| {
            let pasts = remembering(calls);
            let plain = calls.queue.take().unwrap();
            calls.queue = Some(Arc::new(move |call, index, imports| match plain(call, index, imports) {
                Err(Errno::EINVAL) if imports.is_empty() && pasts.of(call.file).own && index == 0 => Ok(()),
                queued => queued,
            }));
        }),
        on("buffers.queue.behind-last", |calls| {
            calls.queue =
                Some(Arc::new(
                    |call, index, imports| {
                        if index == u32::MAX { Ok(()) } else { call.node.queue(index, imports) }
                    },
                ));
        }),
        on("buffers.queue.foreign", |calls| {
            calls.queue = Some(Arc::new(|call, index, imports| match call.node.queue(index, imports) {
                Err(Errno::EINVAL) if !imports.is_empty() => Ok(()),
                queued => queued,
            }));
        }),
        on("buffers.dequeue.when-off", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Err(Errno::EINVAL) => Err(Errno::EAGAIN),
                filled => filled,
            }));
        }),
        on("buffers.remove.queued", |calls| calls.remove = Some(Arc::new(|_, _| Ok(())))),
    ]
}

fn exported(check: &'static str, answer: fn(&NodeCall<'_>, u32, u32) -> nix::Result<OwnedFd>) -> Mutant {
    on(check, move |calls| {
        calls.export = Some(Arc::new(move |call, (index, plane)| answer(&call, index, plane)));
    })
}
