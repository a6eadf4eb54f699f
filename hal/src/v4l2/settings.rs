//! Controls for one frame alone: which values go into the request of the next buffer, and which ones undo them.

use std::collections::VecDeque;

/// Values of controls, `V4L2_CID_*` each.
type Values = Vec<(u32, i64)>;

/// What goes to the device with a buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// The number of the settings that were asked for, if any were.
    pub(super) number: Option<u64>,
    /// Those settings.
    asked: Values,
    /// What ends the settings of the frame before.
    undo: Values,
}

impl Load {
    /// All values for the device.
    pub(super) fn values(&self) -> Values {
        [&self.undo[..], &self.asked].concat()
    }
}

/// The settings of a stream's next frames.
#[derive(Debug, Default)]
pub(super) struct Settings {
    last: u64,
    waiting: VecDeque<(u64, Values)>,
    /// What the controls that were ever asked for are between such frames.
    usual: Values,
    /// Controls that are not as usual after the last load.
    changed: Vec<u32>,
}

impl Settings {
    /// Controls whose usual values are not known yet.
    pub(super) fn unknown(&self, values: &[(u32, i64)]) -> Vec<u32> {
        values.iter().map(|(id, _)| *id).filter(|id| self.usual.iter().all(|known| known.0 != *id)).collect()
    }

    /// Remembers the value that a control has between such frames.
    pub(super) fn set_usual(&mut self, id: u32, value: i64) {
        self.usual.retain(|known| known.0 != id);
        self.usual.push((id, value));
    }

    /// The same, of a control that is known already.
    pub(super) fn update_usual(&mut self, id: u32, value: i64) {
        if self.usual.iter().any(|known| known.0 == id) {
            self.set_usual(id, value);
        }
    }

    /// Asks for settings of one frame, whose number this is.
    pub(super) fn ask(&mut self, values: Values) -> u64 {
        self.last += 1;
        self.waiting.push_back((self.last, values));
        self.last
    }

    /// What the next buffer must carry.
    pub(super) fn next(&self) -> Load {
        let (number, asked) = match self.waiting.front() {
            Some((number, values)) => (Some(*number), values.clone()),
            None => (None, Vec::new()),
        };
        let is_asked = |id: u32| asked.iter().any(|(asked, _)| *asked == id);
        let is_over = |(id, _): &&(u32, i64)| self.changed.contains(id) && !is_asked(*id);
        let undo = self.usual.iter().filter(is_over).copied().collect();
        Load { number, asked, undo }
    }

    /// The load went to the device.
    pub(super) fn sent(&mut self, load: &Load) {
        if load.number.is_some() {
            self.waiting.pop_front();
        }
        self.changed = load.asked.iter().map(|(id, _)| *id).collect();
    }

    /// The device gave buffers back unfilled: their settings, in the order in which they were sent, are asked for again,
    /// and no control can be trusted to be as usual.
    pub(super) fn interrupted(&mut self, mut loads: Vec<Load>) {
        loads.sort_by_key(|load| load.number);
        for load in loads.into_iter().rev() {
            if let Some(number) = load.number {
                self.waiting.push_front((number, load.asked));
            }
        }
        self.changed = self.usual.iter().map(|(id, _)| *id).collect();
    }

    /// Ends all of it; the values that controls must have again.
    pub(super) fn end(&mut self) -> Values {
        self.waiting.clear();
        self.changed.clear();
        std::mem::take(&mut self.usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A device that makes one frame of each load: the values of controls 1 and 2, and the frame's number.
    fn run(settings: &mut Settings, device: &mut [i64; 3]) -> (Option<u64>, i64, i64) {
        let load = settings.next();
        for (id, value) in load.values() {
            device[id as usize] = value;
        }
        settings.sent(&load);
        (load.number, device[1], device[2])
    }

    fn known() -> Settings {
        let mut settings = Settings::default();
        assert_eq!(settings.unknown(&[(1, 0), (2, 0)]), [1, 2]);
        settings.set_usual(1, 10);
        settings.set_usual(2, 20);
        assert!(settings.unknown(&[(2, 0)]).is_empty());
        settings
    }

    #[test]
    fn settings_are_of_one_frame_and_the_next_is_as_usual() {
        let (mut settings, mut device) = (known(), [0, 10, 20]);
        assert_eq!(run(&mut settings, &mut device), (None, 10, 20));
        let (first, second) = (settings.ask(vec![(1, 11)]), settings.ask(vec![(2, 22)]));
        assert_eq!(run(&mut settings, &mut device), (Some(first), 11, 20));
        assert_eq!(run(&mut settings, &mut device), (Some(second), 10, 22));
        assert_eq!(run(&mut settings, &mut device), (None, 10, 20));
        assert_eq!(settings.next(), Load::default(), "nothing is left to undo");
    }

    #[test]
    fn a_control_set_meanwhile_stays_set() {
        let (mut settings, mut device) = (known(), [0, 10, 20]);
        settings.ask(vec![(1, 11)]);
        run(&mut settings, &mut device);
        settings.update_usual(1, 15);
        settings.update_usual(9, 1);
        assert_eq!(run(&mut settings, &mut device).1, 15);
        assert_eq!(settings.end(), [(2, 20), (1, 15)]);
        assert!(settings.end().is_empty());
    }

    #[test]
    fn settings_that_were_on_their_way_when_the_stream_broke_come_again_in_their_order() {
        let (mut settings, mut device) = (known(), [0, 10, 20]);
        let numbers = [11, 12, 13].map(|value| settings.ask(vec![(1, value)]));
        let lost: Vec<Load> = (0..2)
            .map(|_| {
                let load = settings.next();
                settings.sent(&load);
                load
            })
            .collect();
        settings.interrupted(lost.into_iter().rev().collect());
        for (number, value) in numbers.into_iter().zip(11..) {
            assert_eq!(run(&mut settings, &mut device), (Some(number), value, 20));
        }
        assert_eq!(run(&mut settings, &mut device), (None, 10, 20));
    }

    proptest! {
        #[test]
        fn every_frame_has_its_settings_and_no_other(asked in proptest::collection::vec(any::<Option<(bool, i64)>>(), 0..40)) {
            let (mut settings, mut device) = (known(), [0, 10, 20]);
            for ask in asked {
                let mut wanted = (None, 10, 20);
                if let Some((first, value)) = ask {
                    wanted = if first { (None, value, 20) } else { (None, 10, value) };
                    wanted.0 = Some(settings.ask(vec![(if first { 1 } else { 2 }, value)]));
                }
                prop_assert_eq!(run(&mut settings, &mut device), wanted);
            }
        }
    }
}
