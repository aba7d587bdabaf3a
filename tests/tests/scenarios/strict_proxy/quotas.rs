//! Goal: the strict proxy throttles calls by category, reports its limits, and leaves other services alone.
//!
//! Method: stop the proxy's clock, make calls up to a quota, and advance the clock.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::operation::get_provisioned_limit::GetProvisionedLimitOutput;
use aws_sdk_cognitoidentityprovider::types::{LimitClass, LimitDefinitionType};
use local::aws::{self, REGION};
use local::strict::{Category, Quotas};

use super::{Fixture, error_name};

#[tokio::test(flavor = "multi_thread")]
async fn a_category_is_throttled_within_each_second() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(1).await?;
    fixture.strict.stop_clock();
    fixture.strict.change_settings(|settings| settings.quotas = Quotas::aws_defaults());
    let list = || fixture.client.list_users().user_pool_id(&pool).send();
    for _ in 0..30 {
        assert_eq!(error_name(list().await), "none");
    }
    assert_eq!(error_name(list().await), "TooManyRequestsException");
    let read = fixture.client.admin_get_user().user_pool_id(&pool).username("u000").send().await;
    assert_eq!(error_name(read), "none", "another category");
    fixture.strict.advance_clock(Duration::from_millis(999));
    assert_eq!(error_name(list().await), "TooManyRequestsException");
    fixture.strict.advance_clock(Duration::from_millis(1));
    assert_eq!(error_name(list().await), "none");
    assert_eq!(fixture.strict.throttled(), [(Category::UserList, 2)].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provisioned_limit_of_a_category_can_be_read() -> Result<()> {
    let fixture = Fixture::new().await?;
    fixture.strict.change_settings(|settings| settings.quotas.categories = [(Category::UserList, 7)].into());
    let limit_of = |category: &str| {
        let limit = LimitDefinitionType::builder().limit_class(LimitClass::ApiCategory);
        let limit = limit.attributes("Category", category).build();
        fixture.client.get_provisioned_limit().limit_definition(limit.unwrap()).send()
    };
    let limits = |output: GetProvisionedLimitOutput| {
        output.limit.map(|limit| (limit.provisioned_limit_value, limit.free_limit_value))
    };
    assert_eq!(limits(limit_of("UserList").await?), Some((7, 30)));
    assert_eq!(limits(limit_of("UserCreation").await?), Some((10_000, 50)));
    assert_eq!(error_name(limit_of("UserLists").await), "InvalidParameterException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_another_service_is_forwarded_unchanged() -> Result<()> {
    let fixture = Fixture::new().await?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws::config(&fixture.strict.url(), REGION));
    let tables = dynamodb.list_tables().limit(61).send().await?;
    assert!(tables.table_names().is_empty());
    Ok(())
}
