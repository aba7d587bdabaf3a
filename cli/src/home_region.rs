//! In which Region of a global table the commands change the snapshots of a pool.
//!
//! Between Regions, the last writer of a lease or a header wins. So a lease keeps others out within one Region only,
//! and all removals and copies of a pool must work in the same one.

use shared::model::PoolId;

/// The Region of a table in which exports, removals and copies of `pool` write: the Region of the pool if the table is
/// there, and otherwise the first of the table's Regions by name. `region` and `replicas` are the table's Regions.
pub fn home_region<'a>(pool: &'a PoolId, region: &'a str, replicas: &'a [String]) -> &'a str {
    let mut regions: Vec<&str> = replicas.iter().map(String::as_str).chain([region]).collect();
    regions.sort_unstable();
    if regions.contains(&pool.region()) { pool.region() } else { regions[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_of_a_table_names_the_same_home_of_a_pool() {
        let homes = |pool: &str| {
            let pool = PoolId::parse(pool).unwrap();
            let regions = ["eu-west-1", "eu-central-1"];
            // DescribeTable may name the own Region among the replicas, or not.
            let seen = |replicas: &[&str], own| {
                let replicas: Vec<_> = replicas.iter().map(|region| (*region).to_owned()).collect();
                home_region(&pool, own, &replicas).to_owned()
            };
            [
                seen(&regions[1..], regions[0]),
                seen(&regions, regions[0]),
                seen(&regions[..1], regions[1]),
                seen(&regions, regions[1]),
            ]
        };
        assert_eq!(homes("eu-west-1_a"), ["eu-west-1"; 4].map(str::to_owned));
        assert_eq!(homes("eu-central-1_a"), ["eu-central-1"; 4].map(str::to_owned));
        assert_eq!(
            homes("us-east-1_a"),
            ["eu-central-1"; 4].map(str::to_owned),
            "a pool of another deployment"
        );
    }

    #[test]
    fn a_table_without_a_replica_is_the_home_of_every_pool() {
        let pool = PoolId::parse("us-east-1_a").unwrap();
        assert_eq!(home_region(&pool, "eu-west-1", &[]), "eu-west-1");
    }
}
