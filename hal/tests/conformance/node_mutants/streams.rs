//! Nodes whose streams and frames are wrong.

use super::*;

/// A mutant that looks at what happened on a file before it answers `stream_on`.
fn starting(check: &'static str, refuse: fn(&Past) -> Option<Errno>) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.stream_on.take().unwrap();
        calls.stream_on = Some(Arc::new(move |call, ()| match refuse(&pasts.of(call.file)) {
            Some(errno) => Err(errno),
            None => plain(call, ()),
        }));
    })
}

fn depth(check: &'static str, count: u32) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.stream_on.take().unwrap();
        calls.stream_on = Some(Arc::new(move |call, ()| {
            // A file that asks for this count at first; programs free what may be there before.
            if pasts.of(call.file).first_count == count { Err(Errno::EIO) } else { plain(call, ()) }
        }));
    })
}

pub(super) fn streams() -> Vec<Mutant> {
    vec![
        on("streaming.on.without-buffers", |calls| {
            let pasts = remembering(calls);
            calls.stream_on = Some(Arc::new(move |call, ()| match call.node.stream_on() {
                Err(Errno::EINVAL) if pasts.of(call.file).requests == 0 => Ok(()),
                on => on,
            }));
        }),
        on("streaming.on.works", |calls| {
            calls.stream_on = Some(Arc::new(|call, ()| {
                call.node.stream_on()?;
                call.node.stream_off()?;
                Err(Errno::EIO)
            }));
        }),
        starting("streaming.on.twice", |past| past.on.then_some(Errno::EBUSY)),
        on("streaming.off.when-off", |calls| {
            let pasts = remembering(calls);
            let plain = calls.stream_off.take().unwrap();
            calls.stream_off =
                Some(Arc::new(
                    move |call, ()| {
                        if pasts.of(call.file).on { plain(call, ()) } else { Err(Errno::EINVAL) }
                    },
                ));
        }),
        on("streaming.off.returns-buffers", |calls| {
            let pasts = remembering(calls);
            let plain = calls.queue.take().unwrap();
            calls.queue = Some(Arc::new(move |call, index, imports| {
                if pasts.of(call.file).stops > 0 { Err(Errno::EINVAL) } else { plain(call, index, imports) }
            }));
        }),
        on("streaming.request.busy", |calls| {
            let pasts = remembering(calls);
            let plain = calls.request.take().unwrap();
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                if pasts.of(call.file).on {
                    return Ok(Grant { count, capabilities: OWN_MEMORY });
                }
                plain(call, (count, memory, cached))
            }));
        }),
        on("streaming.poll.filled", |calls| {
            let pasts = remembering(calls);
            let plain = calls.dequeue.take().unwrap();
            calls.dequeue = Some(Arc::new(move |call, (memory,)| {
                let again = pasts.with(call.file, |past| {
                    past.toggle = past.on && !past.toggle;
                    past.toggle
                });
                if again { Err(Errno::EAGAIN) } else { plain(call, (memory,)) }
            }));
        }),
        on("streaming.poll.ends", |calls| {
            calls.wait = Some(Arc::new(|call, (timeout,)| match call.node.wait(timeout)? {
                Ready::SILENT if timeout == Duration::from_millis(20) => Ok(Ready::FILLED),
                ready => Ok(ready),
            }));
        }),
        on("streaming.poll.off", |calls| {
            let pasts = remembering(calls);
            calls.wait = Some(Arc::new(move |call, (timeout,)| {
                let ready = call.node.wait(timeout)?;
                Ok(if pasts.of(call.file).on { ready } else { Ready { fault: false, ..ready } })
            }));
        }),
        on("streaming.dequeue.empty", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Err(Errno::EAGAIN) => Err(Errno::EBUSY),
                filled => filled,
            }));
        }),
        depth("streaming.depth.one", 1),
        depth("streaming.depth.two", 2),
        depth("streaming.depth.three", 3),
        depth("streaming.depth.five", 5),
        depth("streaming.depth.eight", 8),
        depth("streaming.depth.most", 32),
        starting("streaming.restart.loop", |past| {
            (past.first_count > 0 && past.starts >= 4).then_some(Errno::EIO)
        }),
        starting("streaming.restart.unused", |past| {
            (past.first_count > 0 && past.stops > 0 && past.dequeued_since_start == 0).then_some(Errno::EIO)
        }),
        on("streaming.close.while-on", |calls| {
            let pasts = remembering(calls);
            let jammed = Arc::new(Mutex::new(false));
            let jamming = Arc::clone(&jammed);
            let plain = calls.request.take().unwrap();
            calls.request = Some(Arc::new(move |call, arguments| {
                if *jammed.lock().unwrap() { Err(Errno::EBUSY) } else { plain(call, arguments) }
            }));
            calls.close = Some(Arc::new(move |call| {
                let past = pasts.of(call.file);
                *jamming.lock().unwrap() |= past.on && past.dequeued == 1 && past.requeued == 0;
            }));
        }),
        on("streaming.other.busy", |calls| {
            calls.stream_on = Some(Arc::new(|call, ()| match call.node.stream_on() {
                Err(Errno::EBUSY) => Ok(()),
                on => on,
            }));
        }),
    ]
}

/// A mutant that changes what comes back.
fn filled(check: &'static str, change: fn(&mut Filled, &mut Past)) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.dequeue.take().unwrap();
        calls.dequeue = Some(Arc::new(move |call, arguments| {
            let mut filled = plain(call, arguments)?;
            pasts.with(call.file, |past| change(&mut filled, past));
            Ok(filled)
        }));
    })
}

pub(super) fn frames() -> Vec<Mutant> {
    vec![
        on("streaming.frames.come", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Ok(_) => Err(Errno::EAGAIN),
                refused => refused,
            }));
        }),
        filled("streaming.frames.own", |filled, _| filled.index = 0),
        on("streaming.frames.in-turn", |calls| {
            let pasts = remembering(calls);
            let (plain, start) = (calls.queue.take().unwrap(), calls.stream_on.take().unwrap());
            let of = pasts.clone();
            calls.queue = Some(Arc::new(move |call, index, imports| {
                let past = of.of(call.file);
                if index == 0 && imports.is_empty() && !past.on && past.first_count == 4 {
                    of.with(call.file, |past| past.stash = true);
                    return Ok(());
                }
                plain(call, index, imports)?;
                if of.with(call.file, |past| std::mem::take(&mut past.stash)) {
                    plain(call, 0, &[])?;
                }
                Ok(())
            }));
            calls.stream_on = Some(Arc::new(move |call, ()| {
                if pasts.with(call.file, |past| std::mem::take(&mut past.stash)) {
                    call.node.queue(0, &[])?;
                }
                start(call, ())
            }));
        }),
        filled("streaming.frames.whole", |filled, _| filled.planes[0].bytes_used -= 10),
        filled("streaming.frames.within", |filled, _| filled.planes[0].bytes_used += 100_000),
        filled("streaming.frames.good", |filled, _| filled.flags |= ERROR),
        filled("streaming.frames.returned", |filled, _| filled.flags |= QUEUED),
        filled("streaming.sequence.first", |filled, _| filled.sequence = filled.sequence.wrapping_add(5)),
        filled("streaming.sequence.rises", |filled, _| filled.sequence = 0),
        filled("streaming.sequence.each-start", |filled, past| {
            filled.sequence = filled.sequence.wrapping_add(100 * past.starts.saturating_sub(1));
        }),
        filled("streaming.timestamp.clock", |filled, _| filled.flags &= !CLOCK),
        filled("streaming.timestamp.rises", |filled, _| filled.timestamp = Duration::from_secs(1000)),
        filled("streaming.timestamp.now", |filled, _| filled.timestamp -= Duration::from_secs(100)),
        filled("streaming.timestamp.source", |filled, _| {
            if filled.sequence % 2 == 1 {
                filled.flags |= SOE;
            }
        }),
        longer("content.rows.longer", |file, stride, _| {
            file.write_all_at(&[0xaa; 4], 3 * stride).unwrap();
        }),
        longer("content.rows.padding", |file, stride, row_bytes| {
            for row in 0..10u64 {
                let mut next = [0; 32];
                file.read_exact_at(&mut next[..row_bytes.min(32) as usize], (row + 1) * stride).unwrap();
                file.write_all_at(&next, row * stride + row_bytes).unwrap();
            }
        }),
    ]
}

/// A device that does this to the memory of frames whose rows are longer than their samples.
fn longer(check: &'static str, spoil: fn(&File, u64, u64)) -> Mutant {
    still(check, move |calls| {
        calls.dequeue = Some(Arc::new(move |call, (memory,)| {
            let filled = call.node.dequeue(memory)?;
            let format = call.node.format()?;
            let tight = call.node.try_format(&Format { planes: Vec::new(), ..format.clone() })?;
            let (stride, row_bytes) = (format.planes[0].stride, tight.planes[0].stride);
            if memory == Memory::Driver && stride > row_bytes {
                spoil(&File::from(call.node.export(filled.index, 0)?), stride.into(), row_bytes.into());
            }
            Ok(filled)
        }));
    })
}
