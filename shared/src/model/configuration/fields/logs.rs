//! Log delivery. Source: `LogDeliveryConfigurationType`, `SetLogDeliveryConfiguration`.
//!
//! The request replaces the whole list. An empty list ends the delivery.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::setting("LogConfigurations[]").default("[]").keyed(&["EventSource", "LogLevel"]).refused(),
    Field::setting("LogConfigurations[].LogLevel").refused(),
    // `userNotification` needs no tier. `userAuthEvents` needs Plus.
    Field::setting("LogConfigurations[].EventSource").refused(),
    Field::setting("LogConfigurations[].CloudWatchLogsConfiguration.LogGroupArn")
        .refused()
        .bound(Bound::AccountAndRegion),
    // Only `userAuthEvents` can go to S3 and Firehose.
    Field::setting("LogConfigurations[].S3Configuration.BucketArn")
        .refused()
        .bound(Bound::AccountAndRegion)
        .tier(Tier::Plus),
    Field::setting("LogConfigurations[].FirehoseConfiguration.StreamArn")
        .refused()
        .bound(Bound::AccountAndRegion)
        .tier(Tier::Plus),
];
