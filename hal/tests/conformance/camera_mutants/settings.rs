//! Cameras whose controls, crops and events are wrong.

use std::sync::{Arc, Mutex};

use latent_hal::control::Unit;
use latent_hal::kernel::Rectangle;
use latent_hal::{Dequeued, Watch};

use super::super::Mutant;
use super::{BRIGHTNESS, on, system};

pub(super) fn all() -> Vec<Mutant> {
    let crop = |check, change: fn(&mut latent_hal::Crop)| {
        on(check, move |calls, _, _| {
            calls.crop = Some(Box::new(move |camera, ()| {
                let mut crop = camera.crop()?;
                if let Some(crop) = &mut crop {
                    change(crop);
                }
                Ok(crop)
            }));
        })
    };
    vec![
        on("controls.effect.brighter", |calls, _, _| {
            calls.set_controls = Some(Box::new(|camera, values| {
                if values.iter().any(|(id, _)| *id != BRIGHTNESS) {
                    return camera.set_controls(&values);
                }
                Ok(values.into_iter().map(|(_, value)| value.clamp(0, 255)).collect())
            }));
        }),
        on("controls.effect.delay", |calls, _, _| {
            // A setting takes effect so many frames later.
            const LATE: u32 = 8;
            let pending = Arc::new(Mutex::new(None));
            let setting = Arc::clone(&pending);
            calls.set_controls = Some(Box::new(move |camera, values| {
                if values.iter().any(|(id, _)| *id != BRIGHTNESS) {
                    return camera.set_controls(&values);
                }
                let made = values.iter().map(|(_, value)| (*value).clamp(0, 255)).collect();
                let default = values.first().is_some_and(|(_, value)| *value == 128);
                if default {
                    *setting.lock().unwrap() = None;
                    camera.set_controls(&values)?;
                } else {
                    *setting.lock().unwrap() = Some((LATE, values));
                }
                Ok(made)
            }));
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let due = match &mut *pending.lock().unwrap() {
                    Some((0, values)) => Some(std::mem::take(values)),
                    Some((left, _)) => {
                        *left -= 1;
                        None
                    }
                    None => None,
                };
                if let Some(values) = due {
                    *pending.lock().unwrap() = None;
                    camera.set_controls(&values)?;
                }
                camera.dequeue(timeout)
            }));
        }),
        on("controls.camera.listed", |calls, _, _| {
            calls.controls = Some(Box::new(|camera, ()| {
                let mut controls = camera.controls()?;
                controls.pop();
                Ok(controls)
            }));
        }),
        on("controls.camera.units", |calls, _, _| {
            calls.controls = Some(Box::new(|camera, ()| {
                let mut controls = camera.controls()?;
                controls.iter_mut().for_each(|control| control.unit = Unit::Device);
                Ok(controls)
            }));
        }),
        on("controls.camera.range", |calls, _, _| {
            calls.set_controls = Some(Box::new(|camera, values| {
                if values == [(BRIGHTNESS, 256)] { Ok(vec![256]) } else { camera.set_controls(&values) }
            }));
        }),
        on("controls.camera.menus", |calls, _, _| calls.menu = Some(Box::new(|_, _| Ok(Vec::new())))),
        on("controls.camera.unknown", |calls, _, _| {
            calls.control_values = Some(Box::new(|camera, ids| match camera.control_values(&ids) {
                Err(_) => Err(system("VIDIOC_G_EXT_CTRLS")),
                values => values,
            }));
        }),
        crop("controls.crop.within", |crop| crop.now.width = crop.bounds.width + 10),
        on("controls.crop.reads-back", |calls, _, _| {
            calls.set_crop = Some(Box::new(|camera, wanted| {
                let bounds = camera.crop()?.map_or(wanted, |crop| crop.bounds);
                let (width, height) = (wanted.width.min(bounds.width), wanted.height.min(bounds.height));
                Ok(Rectangle { width, height, ..wanted })
            }));
        }),
        on("controls.crop.too-large", |calls, _, _| {
            calls.set_crop = Some(Box::new(|camera, wanted| {
                camera.set_crop(wanted)?;
                Ok(wanted)
            }));
        }),
        on("events.camera.watch", |calls, _, _| {
            calls.watch = Some(Box::new(|camera, what| match what {
                Watch::Control(id) if id != BRIGHTNESS => Ok(true),
                what => camera.watch(what),
            }));
        }),
        on("events.camera.delivered", |calls, _, _| {
            calls.dequeue = Some(Box::new(|camera, timeout| match camera.dequeue(timeout)? {
                Dequeued::Event(_) => Ok(Dequeued::Timeout),
                other => Ok(other),
            }));
        }),
    ]
}
