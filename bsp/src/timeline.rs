//! The timeline of a run: events as lines with their times, and a bar while a picture is developed.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use latent_hal::PixelFormat;
use latent_pipeline::event::{Event, EventKind};
use latent_pipeline::owner::Notice;
use latent_pipeline::photo::State;

use crate::output::Output;

/// Prints what happens, as it happens.
#[derive(Debug)]
pub(crate) struct Timeline {
    output: Output,
    bar: ProgressBar,
}

impl Timeline {
    pub(crate) fn new(output: Output) -> Self {
        let shown = !output.is_json() && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("             developing {bar:40} {percent:>3} %") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { output, bar }
    }

    pub(crate) fn notice(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Streaming(camera, config) if !self.output.is_json() => {
                self.say(&format!(
                    "{} ({}), {}x{}, {}",
                    camera.model,
                    camera.id,
                    config.width,
                    config.height,
                    samples(config.format),
                ));
            }
            Notice::Streaming(..) => {}
            Notice::Developing(progress) => {
                self.bar.set_length(u64::from(progress.total));
                self.bar.set_position(u64::from(progress.done));
            }
        }
    }

    pub(crate) fn event(&self, event: &Event) {
        if self.output.is_json() {
            self.output.object(event);
            return;
        }
        if matches!(event.kind, EventKind::PhotoFinal { .. }) {
            self.bar.reset();
        }
        match event.capture_id {
            0 => self.say(&format!("{:>12}  {}", "", words(&event.kind))),
            id => self.say(&format!("{:>12}  #{id} {}", time(event.t_us), words(&event.kind))),
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| self.output.line(text));
    }
}

fn samples(format: PixelFormat) -> String {
    match format {
        PixelFormat::Raw(raw) => format!("{} bit {}", raw.bits, raw.pattern.name()),
        PixelFormat::Yuv(layout) => format!("{layout:?}, developed by the camera").to_lowercase(),
        PixelFormat::Rgb(order) => format!("{order:?}, developed by the camera").to_lowercase(),
        PixelFormat::Jpeg => "JPEG, developed by the camera".to_owned(),
    }
}

fn time(t_us: i64) -> String {
    let ms = t_us as f64 / 1000.0;
    if ms.abs() < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.2} s", ms / 1000.0) }
}

fn ms(us: u64) -> String {
    format!("{:.1}", us as f64 / 1000.0)
}

fn words(kind: &EventKind) -> String {
    match kind {
        EventKind::CaptureStart { .. } => "capture starts".to_owned(),
        EventKind::FrameShutter { .. } => "shutter: exposure of the reference frame began".to_owned(),
        EventKind::FrameShutterEnd => "last frame of the burst".to_owned(),
        EventKind::CaptureReady => "ready for the next".to_owned(),
        EventKind::CaptureEnd { frame_count } => format!("capture ends with {frame_count} frames"),
        EventKind::PhotoAssetAvailable { asset, stages } => format!(
            "photo available, {} quality: {}\n{:>15}(waited {}, picture {}, JPEG {}, write {}, fsync {}, name {}, \
             folder fsync {}, rows {} ms)",
            asset.quality,
            asset.path.file_name().unwrap_or_default().to_string_lossy(),
            "",
            ms(stages.wait_us),
            ms(stages.isp_us),
            ms(stages.jpeg_us),
            ms(stages.write_us),
            ms(stages.sync_file_us),
            ms(stages.publish_us),
            ms(stages.sync_folder_us),
            ms(stages.commit_us),
        ),
        EventKind::RawSecured { frames, bytes, stages, .. } => format!(
            "raw burst safe: {frames} frames, {:.1} MB\n{:>15}(pack {}, write {}, fsync {}, rows {} ms)",
            *bytes as f64 / 1e6,
            "",
            ms(stages.pack_us),
            ms(stages.write_us),
            ms(stages.sync_us),
            ms(stages.commit_us),
        ),
        EventKind::RawLost { message, .. } => format!("raw burst cut short: {message}"),
        EventKind::PhotoFinal { asset, stages } if asset.state == State::Final => format!(
            "photo final, {} quality: {}\n{:>15}(read {}, picture {}, JPEG {}, replace {}, rows {} ms)",
            asset.quality,
            asset.path.file_name().unwrap_or_default().to_string_lossy(),
            "",
            ms(stages.read_us),
            ms(stages.isp_us),
            ms(stages.jpeg_us),
            ms(stages.replace_us),
            ms(stages.commit_us),
        ),
        EventKind::PhotoFinal { asset, .. } => format!(
            "photo stays in {} quality: {}",
            asset.quality,
            asset.reason.as_deref().unwrap_or("no reason is known")
        ),
        EventKind::CameraLost { message, .. } => format!("camera lost: {message}"),
        EventKind::CameraBack { width, height, away_ms, .. } => {
            format!("camera back after {:.1} s, {width}x{height}", *away_ms as f64 / 1000.0)
        }
        EventKind::StreamChanged { width, height, was_width, was_height, .. } => {
            format!("what comes in changed from {was_width}x{was_height} to {width}x{height}")
        }
        EventKind::CaptureFailed { message, .. } => format!("capture failed: {message}"),
        _ => String::new(),
    }
}
