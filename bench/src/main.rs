//! x
use bench::scenario::*;
use bench::service::Pages;
#[global_allocator]
static HEAP: heap::Counting = heap::Counting;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let setting = Setting { users: a[0] as u32, groups: a[3] as u32, tps: a[1] as u32, latency: a[2], pages: Pages::Full };
    let deeds = [Deed::First, Deed::Unchanged, Deed::OnePercent, Deed::Everything, Deed::ByApi, Deed::ByCsv];
    let t = std::cell::Cell::new(std::time::Instant::now());
    for run in play(setting, &deeds[..a[4] as usize], |d| eprintln!("{} {:?}", d.name(), t.replace(std::time::Instant::now()).elapsed())).unwrap() {
        println!("{:?} time {:?} mean {:.3} peak {} throttled {} wu {} ru {} {:?} tr {} ev {} pl {} share {:.3} wu/page {:.2}", run.deed, run.time, run.traffic.mean_per_second(), run.traffic.peak_per_second(), run.throttled, run.units.write_units(|_| true), run.units.read_units(), run.execution.memory, run.execution.transitions, run.execution.events, run.execution.largest_payload, run.traffic.share_of_allowed(setting.tps, bench::quotas::by_default), run.units.write_units(|_| true) as f64 / (setting.users as f64/60.0));
    }
    eprintln!("{:?}", t.get().elapsed());
}
