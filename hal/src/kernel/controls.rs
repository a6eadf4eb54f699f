//! The controls of a video node or a sub-device:
//! <https://docs.kernel.org/userspace-api/media/v4l/extended-controls.html>.

/// What values a control has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// 32 bits.
    Integer,
    /// 64 bits.
    Integer64,
    /// 0 or 1.
    Boolean,
    /// The number of a named choice.
    Menu,
    /// The number of a choice that stands for a number.
    IntegerMenu,
    /// A set of bits.
    Bitmask,
    /// Writing it does something; it has no value.
    Button,
    /// Text, an array or a structure: neither read nor written here.
    Compound,
}

/// A control that a device lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// The driver's name for it.
    pub name: String,
    /// What values it has.
    pub kind: ControlKind,
    /// The least value.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// From one value to the next.
    pub step: u64,
    /// The value at start.
    pub default: i64,
    /// `V4L2_CTRL_FLAG_*`.
    pub flags: u32,
}

/// A choice of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MenuItem {
    /// Of a menu of names.
    Name(String),
    /// Of a menu of numbers.
    Value(i64),
}

/// A refused call on several controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlRefusal {
    /// The kernel's errno.
    pub errno: nix::errno::Errno,
    /// Which of the controls is at fault; `None` when nothing of the call was applied.
    pub index: Option<usize>,
}

/// An open device that has controls.
pub trait Controls {
    /// The control after `id`, which may be 0; hidden and compound ones are left out.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn control_after(&self, id: u32) -> nix::Result<Control>;

    /// A choice of a menu control.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` for one that the menu leaves out.
    fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem>;

    /// The values of controls, put into `values` beside their ids.
    ///
    /// # Errors
    /// The refusal.
    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal>;

    /// Sets controls together; `values` becomes what the driver made of them.
    ///
    /// # Errors
    /// The refusal.
    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal>;
}
