//! The pairs of actors whose schedules are tried, each in a world that is as small as it can be.

mod exports;
mod finalizes;
mod imports;
mod removals;
mod twins;
mod world;

use super::explore::Pair;

macro_rules! pairs {
    ($(#[doc = $doc:literal] $pairs:ident, $most_preemptions:literal: $($name:literal $play:path);+ $(;)?)+) => {$(
        #[doc = $doc]
        pub static $pairs: &[Pair] = &[$(Pair {
            name: $name,
            most_preemptions: $most_preemptions,
            play: |choose| Box::pin($play(choose)),
        }),+];
    )+};
}

pairs! {
    /// Pairs in the smallest worlds.
    PAIRS, 3:
    "twins of export enumerate" twins::export_enumerate;
    "twins of export page" twins::export_page;
    "twins of export finalize" twins::export_finalize;
    "twins of export finalize with retention" twins::retention;
    "twins of import enumerate" twins::import_enumerate;
    "twins of import page" twins::import_page;
    "twins of import page with jobs" twins::import_page_with_jobs;
    "twins of import page into the own pool" twins::repair_page;
    "twins of import finalize" twins::import_finalize;
    "a lost export page and the rest of its run" twins::lost_export_page;
    "a lost import page and the rest of its run" twins::lost_import_page;
    "export finalize and the record of a failure" finalizes::export;
    "import finalize and the record of a failure" finalizes::import;
    "finalizes of two exports" finalizes::of_two_exports;
    "finalizes of two imports" finalizes::of_two_imports;
    "two exports that begin" exports::two_begin;
    "an aborted export page and the next export" exports::aborted_page_and_next;
    "an aborted export finalize and the next export" exports::aborted_finalize_and_next;
    "export and prune" removals::export_and_prune;
    "export, and prune that is suspended" removals::export_and_suspended_prune;
    "prune and prune that is suspended" removals::two_prunes;
    "hold of an import and prune" removals::hold_and_prune;
    "hold of an import and retention" removals::hold_and_retention;
    "copy out of the table and prune" removals::copy_and_prune;
    "copy into the table and prune" removals::copy_into_and_prune;
    "two imports that begin" imports::two_begin;
    "two imports" imports::two_imports;
    "an aborted import and the next one" imports::aborted_and_next;

    /// Pairs in larger worlds, and a pair whose calls reach each other through the replication.
    LARGER_PAIRS, 2:
    "hold of an import and prune in another Region" removals::hold_and_prune_in_two_regions;
    "twins of export page with a split listing" twins::split_export_page;
    "twins of import page of two users" twins::import_page_of_two;
    "a lost import page of two users and the rest of its run" twins::lost_import_page_of_two;
}
