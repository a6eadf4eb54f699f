//! Nodes whose controls and events are wrong.

use super::*;

fn control(check: &'static str, id: u32, change: fn(&mut latent_hal::kernel::Control)) -> Mutant {
    on(check, move |calls| {
        calls.control_after = Some(Arc::new(move |call, (after,)| {
            let mut control = call.node.control_after(after)?;
            if control.id == id {
                change(&mut control);
            }
            Ok(control)
        }));
    })
}

fn got(check: &'static str, change: fn(&mut [(u32, i64)])) -> Mutant {
    on(check, move |calls| {
        calls.controls = Some(Arc::new(move |call, values| {
            let result = call.node.controls(values);
            change(values);
            result
        }));
    })
}

fn refused(errno: Errno) -> Result<(), ControlRefusal> {
    Err(ControlRefusal { errno, index: Some(0) })
}

pub(super) fn controls() -> Vec<Mutant> {
    const UNKNOWN: u32 = 0x0098_ffff;
    vec![
        on("controls.list.ends", |calls| {
            calls.control_after = Some(Arc::new(|call, (after,)| match call.node.control_after(after) {
                Err(Errno::EINVAL) => Err(Errno::EIO),
                control => control,
            }));
        }),
        control("controls.list.named", EXPOSURE, |control| control.name = "Brightness".to_owned()),
        control("controls.range.ordered", BRIGHTNESS, |control| control.default = 500),
        control("controls.range.default-on-step", BRIGHTNESS, |control| control.step = 3),
        control("controls.range.boolean", SWITCH, |control| control.max = 2),
        on("controls.menu.default", |calls| {
            calls.menu_item = Some(Arc::new(|call, (control, index)| {
                if i64::from(index) == control.default {
                    Err(Errno::EINVAL)
                } else {
                    call.node.menu_item(&control, index)
                }
            }));
        }),
        on("controls.menu.behind-last", |calls| {
            calls.menu_item = Some(Arc::new(|call, (control, index)| {
                let behind = i64::from(index) > control.max && control.id == MENU;
                if behind { Ok(MenuItem::Value(0)) } else { call.node.menu_item(&control, index) }
            }));
        }),
        got("controls.get.in-range", |values| {
            values.iter_mut().filter(|(id, _)| *id == SWITCH).for_each(|(_, value)| *value = 7);
        }),
        on("controls.get.unknown", |calls| {
            calls.controls = Some(Arc::new(|call, values| {
                if values == [(UNKNOWN, values[0].1)] { Ok(()) } else { call.node.controls(values) }
            }));
        }),
        got("controls.get.together", |values| {
            if values.len() > 1 {
                values[0].1 += 1;
            }
        }),
        on("controls.set.default", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values == [(EXPOSURE, 100)] { refused(Errno::EIO) } else { call.node.set_controls(values) }
            }));
        }),
        got("controls.set.reads-back", |values| {
            values
                .iter_mut()
                .filter(|(id, value)| *id == GAIN && *value > 1)
                .for_each(|(_, value)| *value -= 1);
        }),
        on("controls.set.out-of-range", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                let beyond = values.len() == 1 && values[0].0 == GAIN && values[0].1 > 255;
                if beyond { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.read-only", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values[0].0 == PIXEL_RATE { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.unknown", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values == [(UNKNOWN, values[0].1)] { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.all-or-none", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                let result = call.node.set_controls(values);
                if result.is_err() && values.len() > 1 {
                    let _ = call.node.set_controls(&mut values[..1]);
                }
                result
            }));
        }),
        on("controls.set.streaming", |calls| {
            let pasts = remembering(calls);
            calls.set_controls = Some(Arc::new(move |call, values| {
                if pasts.of(call.file).on { refused(Errno::EBUSY) } else { call.node.set_controls(values) }
            }));
        }),
    ]
}

pub(super) fn events() -> Vec<Mutant> {
    const SOURCE_CHANGE: u32 = 5;
    const END: u32 = 2;
    const FRAME_SYNC: u32 = 4;
    let failing =
        |check, kind| {
            on(check, move |calls| {
                calls.subscribe = Some(Arc::new(move |call, (asked, id)| {
                    if asked == kind { Err(Errno::EIO) } else { call.node.subscribe(asked, id) }
                }));
            })
        };
    vec![
        on("events.subscribe.unknown", |calls| {
            calls.subscribe =
                Some(Arc::new(
                    |call, (kind, id)| {
                        if kind == 0x00ff_ffff { Ok(()) } else { call.node.subscribe(kind, id) }
                    },
                ));
        }),
        on("events.dequeue.none", |calls| {
            calls.event = Some(Arc::new(|call, ()| match call.node.event() {
                Err(Errno::ENOENT) => Err(Errno::EAGAIN),
                event => event,
            }));
        }),
        on("events.control.told", |calls| {
            calls.subscribe = Some(Arc::new(|call, (kind, id)| {
                if (kind, id) == (CONTROL_EVENT, BRIGHTNESS) { Ok(()) } else { call.node.subscribe(kind, id) }
            }));
        }),
        on("events.control.not-asked", |calls| {
            // The files that are open when a control is changed.
            let (open, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
            let (opening, telling) = (Arc::clone(&open), Arc::clone(&told));
            calls.open = Some(Arc::new(move |file| {
                opening.lock().unwrap().push(file);
                None
            }));
            calls.set_controls = Some(Arc::new(move |call, values| {
                *telling.lock().unwrap() = open.lock().unwrap().clone();
                call.node.set_controls(values)
            }));
            calls.event = Some(Arc::new(move |call, ()| match call.node.event() {
                Err(Errno::ENOENT) if told.lock().unwrap().contains(&call.file) => {
                    told.lock().unwrap().clear();
                    Ok(Event::ControlChanged { id: BRIGHTNESS, value: 1 })
                }
                event => event,
            }));
        }),
        on("events.poll.drained", |calls| {
            let pasts = remembering(calls);
            calls.wait = Some(Arc::new(move |call, (timeout,)| {
                let ready = call.node.wait(timeout)?;
                let stuck = timeout.is_zero() && !pasts.of(call.file).on;
                Ok(Ready { event: ready.event || stuck, ..ready })
            }));
        }),
        failing("events.source.offered", SOURCE_CHANGE),
        failing("events.end.offered", END),
        failing("events.sync.offered", FRAME_SYNC),
    ]
}
