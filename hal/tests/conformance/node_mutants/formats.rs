//! Nodes whose formats are wrong.

use super::*;

pub(super) fn all() -> Vec<Mutant> {
    let list = |check, wrong: fn(&NodeCall<'_>, u32, u32) -> Option<nix::Result<u32>>| {
        on(check, move |calls| {
            calls.format_entry = Some(Arc::new(move |call: NodeCall<'_>, (index,)| {
                let count = (0..).find(|index| call.node.format_entry(*index).is_err()).unwrap_or(0);
                let mut entry = call.node.format_entry(index.min(count.saturating_sub(1)))?;
                match wrong(&call, index, count) {
                    Some(fourcc) => {
                        entry.fourcc = fourcc?;
                        Ok(entry)
                    }
                    None => call.node.format_entry(index),
                }
            }));
        })
    };
    let tried = |check, change: fn(&Format, &mut Format)| {
        on(check, move |calls| {
            calls.try_format = Some(Arc::new(move |call, (wanted,)| {
                let mut got = call.node.try_format(&wanted)?;
                change(&wanted, &mut got);
                Ok(got)
            }));
        })
    };
    let set = |check, change: fn(&Format, &mut Format)| {
        on(check, move |calls| {
            calls.set_format = Some(Arc::new(move |call, (wanted,)| {
                let mut got = call.node.set_format(&wanted)?;
                change(&wanted, &mut got);
                Ok(got)
            }));
        })
    };
    let read = |check, change: fn(&mut Format)| {
        on(check, move |calls| {
            calls.format = Some(Arc::new(move |call, ()| {
                let mut got = call.node.format()?;
                change(&mut got);
                Ok(got)
            }));
        })
    };
    vec![
        list("formats.list.some", |_, _, _| Some(Err(Errno::EINVAL))),
        list("formats.list.ends", |_, index, count| (index >= count).then_some(Err(Errno::ENOTTY))),
        list("formats.list.once", |_, index, count| (index == count).then_some(Ok(fourcc(b"BA81")))),
        list("formats.list.known", |_, index, count| (index < count).then(|| Ok(0x1000 + index))),
        on("formats.sizes.sane", |calls| {
            calls.size_entry =
                Some(Arc::new(|call, (fourcc, index)| match call.node.size_entry(fourcc, index) {
                    Err(Errno::EINVAL) if call.node.size_entry(fourcc, index.wrapping_sub(1)).is_ok() => {
                        Ok(SizeEntry::Discrete(0, 0))
                    }
                    entry => entry,
                }));
        }),
        on("formats.sizes.of-unknown", |calls| {
            calls.size_entry = Some(Arc::new(|call, (wanted, index)| {
                if wanted == fourcc(b"none") {
                    Ok(SizeEntry::Discrete(64, 48))
                } else {
                    call.node.size_entry(wanted, index)
                }
            }));
        }),
        on("formats.intervals.sane", |calls| {
            calls.interval_entry = Some(Arc::new(|call, (fourcc, size, index)| {
                match call.node.interval_entry(fourcc, size, index) {
                    Err(Errno::EINVAL)
                        if call.node.interval_entry(fourcc, size, index.wrapping_sub(1)).is_ok() =>
                    {
                        Ok(IntervalEntry::Discrete(Fraction { numerator: 0, denominator: 30 }))
                    }
                    entry => entry,
                }
            }));
        }),
        on("formats.intervals.of-unknown", |calls| {
            calls.interval_entry = Some(Arc::new(|call, (wanted, size, index)| {
                let known = Fraction { numerator: 1, denominator: 30 };
                if wanted == fourcc(b"none") {
                    Ok(IntervalEntry::Discrete(known))
                } else {
                    call.node.interval_entry(wanted, size, index)
                }
            }));
        }),
        // The format of before anything was set.
        read("formats.get.valid", |got| {
            if got.fourcc == fourcc(b"BA81") {
                got.width = 0;
            }
        }),
        on("formats.get.field", |calls| {
            calls.format = Some(Arc::new(|call, ()| Ok(Format { field: 0, ..call.node.format()? })));
            calls.set_format =
                Some(Arc::new(|call, (wanted,)| Ok(Format { field: 0, ..call.node.set_format(&wanted)? })));
            calls.try_format =
                Some(Arc::new(|call, (wanted,)| Ok(Format { field: 0, ..call.node.try_format(&wanted)? })));
        }),
        tried("formats.try.listed", |_, got| {
            if got.fourcc == fourcc(b"NV12") {
                got.width = 16;
            }
        }),
        on("formats.try.no-effect", |calls| {
            calls.try_format = Some(Arc::new(|call, (wanted,)| {
                let _ = call.node.set_format(&wanted);
                call.node.try_format(&wanted)
            }));
        }),
        on("formats.try.odd-size", |calls| {
            calls.try_format = Some(Arc::new(|call, (wanted,)| {
                if wanted.width == 0 { Err(Errno::EINVAL) } else { call.node.try_format(&wanted) }
            }));
        }),
        tried("formats.try.unknown", |wanted, got| got.fourcc = wanted.fourcc),
        tried("formats.try.settles", |wanted, got| {
            if wanted.planes.first().is_some_and(|plane| plane.stride > 0) {
                got.planes[0].stride += 2;
            }
        }),
        on("formats.set.as-tried", |calls| {
            calls.set_format = Some(Arc::new(|call, (mut wanted,)| {
                if wanted.width == 641 {
                    (wanted.width, wanted.height) = (1, 1);
                }
                call.node.set_format(&wanted)
            }));
        }),
        read("formats.set.reads-back", |got| {
            if got.fourcc == fourcc(b"RGGB") {
                got.height += 2;
            }
        }),
        set("formats.set.rows-fit", |_, got| {
            if got.fourcc == fourcc(b"BA10") {
                got.planes[0].stride = 1;
            }
        }),
        set("formats.set.frames-fit", |_, got| {
            if got.fourcc == fourcc(b"BA10") {
                got.planes[0].size = 10;
            }
        }),
        on("formats.set.longer-rows", |calls| {
            calls.set_format = Some(Arc::new(|call, (wanted,)| {
                let mut got = call.node.set_format(&wanted)?;
                if wanted.planes.first().is_some_and(|plane| plane.stride > 0) {
                    let tight = Format { planes: Vec::new(), ..wanted };
                    got.planes[0].size = call.node.try_format(&tight)?.planes[0].size;
                }
                Ok(got)
            }));
        }),
        set("formats.colour.told", |_, got| {
            if got.fourcc == fourcc(b"NV16") {
                got.colorspace = 0;
            }
        }),
        on("formats.rate.read-back", |calls| {
            calls.set_interval = Some(Arc::new(|_, _| Ok(Some(Fraction { numerator: 1, denominator: 7 }))));
        }),
    ]
}
