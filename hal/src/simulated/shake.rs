//! The hand that holds the camera: where the picture lies on the sensor, frame by frame.

/// The largest shift in any direction, in samples.
pub(super) const REACH: f32 = 8.0;

/// A drift and tremor of the hand in Hz, with its share of the way.
const WAVES: [(f32, f32); 4] = [(0.6, 0.50), (1.7, 0.28), (4.1, 0.14), (8.3, 0.08)];

/// A smooth path through a few samples; the same seed walks the same way.
#[derive(Clone, Debug)]
pub(super) struct Shake {
    reach: f32,
    frame_seconds: f32,
    /// Where each wave begins, across and down, in turns.
    phases: [[f32; 2]; WAVES.len()],
}

impl Shake {
    /// A hand at a picture of this width: an angle, hence more samples on a finer sensor, but never none.
    pub(super) fn new(seed: u64, width: u32, fps: u32) -> Self {
        let turn = |wave: usize, axis: u64| {
            let bits = super::noise::hash(seed ^ (0x5bd1 + 2 * wave as u64 + axis));
            (bits >> 40) as f32 / (1u32 << 24) as f32
        };
        let phases = std::array::from_fn(|wave| [turn(wave, 0), turn(wave, 1)]);
        Self {
            reach: (width as f32 / 650.0).clamp(1.5, REACH),
            frame_seconds: 1.0 / fps.max(1) as f32,
            phases,
        }
    }

    /// Shift of a frame, right and down, in samples; within [`REACH`].
    pub(super) fn at(&self, sequence: u64) -> [f32; 2] {
        // Long streams: whole hours repeat, so that the phase keeps its precision.
        let seconds = f64::from(self.frame_seconds) * (sequence % 1_000_000) as f64;
        let mut shift = [0.0; 2];
        for ((hertz, share), phase) in WAVES.iter().zip(&self.phases) {
            for (axis, start) in phase.iter().enumerate() {
                // The two axes differ a little in pace, or the path would be one ellipse.
                let pace = f64::from(*hertz) * (1.0 + 0.17 * axis as f64);
                let turns = (seconds * pace + f64::from(*start)).fract();
                shift[axis] += share * (turns * std::f64::consts::TAU).sin() as f32;
            }
        }
        shift.map(|way| way * self.reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_smooth_short_and_moves() {
        let shake = Shake::new(3, 4000, 30);
        let mut farthest = 0.0f32;
        for sequence in 0..600 {
            let (a, b) = (shake.at(sequence), shake.at(sequence + 1));
            for axis in 0..2 {
                assert!(a[axis].abs() <= REACH);
                let step = (a[axis] - b[axis]).abs();
                assert!(step < 3.5, "{step} samples at frame {sequence}");
                farthest = farthest.max(step);
            }
        }
        assert!(farthest > 0.5);
    }

    #[test]
    fn another_seed_walks_another_way() {
        assert_eq!(Shake::new(3, 4000, 30).at(5), Shake::new(3, 4000, 30).at(5));
        assert_ne!(Shake::new(3, 4000, 30).at(5), Shake::new(4, 4000, 30).at(5));
    }
}
