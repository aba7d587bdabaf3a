//! The pairs of actors whose schedules are tried, each in a world that is as small as it can be.

mod finalizes;
mod imports;
mod removals;
mod twins;
mod world;

use super::explore::Pair;

macro_rules! pairs {
    ($($name:literal $play:path, $preemptions:literal);+ $(;)?) => {
        /// All pairs.
        pub const PAIRS: &[Pair] =
            &[$(Pair { name: $name, play: |choose| Box::pin($play(choose)), preemptions: $preemptions }),+];
    };
}

// The last number is the preemptions of the exhaustive search. With more, it takes over an hour.
pairs! {
    "twins of export enumerate" twins::export_enumerate, 3;
    "twins of export page" twins::export_page, 3;
    "twins of export finalize" twins::export_finalize, 3;
    "twins of export finalize with retention" twins::retention, 3;
    "twins of import enumerate" twins::import_enumerate, 3;
    "twins of import page" twins::import_page, 2;
    "twins of import page of one user" twins::import_page_of_one, 3;
    "twins of import finalize" twins::import_finalize, 3;
    "a lost export page and the rest of its run" twins::lost_export_page, 3;
    "a lost import page and the rest of its run" twins::lost_import_page, 2;
    "a lost import page of one user and the rest of its run" twins::lost_import_page_of_one, 3;
    "export finalize and the record of a failure" finalizes::export, 3;
    "import finalize and the record of a failure" finalizes::import, 3;
    "export and prune" removals::export_and_prune, 3;
    "export, and prune that is suspended" removals::export_and_suspended_prune, 2;
    "prune and prune that is suspended" removals::two_prunes, 3;
    "hold of an import and prune" removals::hold_and_prune, 3;
    "copy out of the table and prune" removals::copy_and_prune, 3;
    "copy into the table and prune" removals::copy_into_and_prune, 3;
    "two imports that begin" imports::two_begin, 3;
    "two imports" imports::two_imports, 3;
    "an aborted import and the next one" imports::aborted_and_next, 3;
}
