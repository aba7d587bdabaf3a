//! The pairs of actors whose schedules are tried, each in a world that is as small as it can be.

mod finalizes;
mod imports;
mod removals;
mod twins;
mod world;

use super::explore::Pair;

macro_rules! pairs {
    ($($name:literal $play:path),+ $(,)?) => {
        /// All pairs.
        pub const PAIRS: &[Pair] =
            &[$(Pair { name: $name, play: |choose| Box::pin($play(choose)) }),+];
    };
}

pairs! {
    "twins of export enumerate" twins::export_enumerate,
    "twins of export page" twins::export_page,
    "twins of export finalize" twins::export_finalize,
    "twins of export finalize with retention" twins::retention,
    "twins of import enumerate" twins::import_enumerate,
    "twins of import page" twins::import_page,
    "twins of import finalize" twins::import_finalize,
    "a lost export page and the rest of its run" twins::lost_export_page,
    "a lost import page and the rest of its run" twins::lost_import_page,
    "export finalize and the record of a failure" finalizes::export,
    "import finalize and the record of a failure" finalizes::import,
    "export and prune" removals::export_and_prune,
    "export, and prune that is suspended" removals::export_and_suspended_prune,
    "prune and prune that is suspended" removals::two_prunes,
    "hold of an import and prune" removals::hold_and_prune,
    "copy out of the table and prune" removals::copy_and_prune,
    "copy into the table and prune" removals::copy_into_and_prune,
    "two imports that begin" imports::two_begin,
    "two imports" imports::two_imports,
    "an aborted import and the next one" imports::aborted_and_next,
}
