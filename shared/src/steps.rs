//! Steps: what each of the four functions does with an event.
//!
//! A step takes the unparsed event, the environment as a [`crate::ports::Backend`], and the time
//! that it may use. A state machine may send the same event again at any time. The result is the
//! same.
//!
//! | function | export | import |
//! |---|---|---|
//! | `enumerate` | takes the lease, writes the units | takes the lease, checks the target, writes the units |
//! | `export-page` | lists the next pages | |
//! | `import-page` | | restores the next pages |
//! | `finalize` | seals the snapshot, announces | adds up the ledger, closes the restore, announces |
//!
//! Finalize is deployed once more, with a role of its own, to remove the snapshots that no rule keeps. And once more, to copy
//! the new snapshots of another account.

pub use crate::operations::{Begun, enumerate, export_pages, finalize, import_pages, unreadable};
