//! Requests per second, and what is none of Cognito's business.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::operation::get_provisioned_limit::GetProvisionedLimitOutput;
use aws_sdk_cognitoidentityprovider::types::{LimitClass, LimitDefinitionType};
use local::aws::{self, REGION};
use local::strict::{Category, Quotas};

use super::{Front, error};

#[tokio::test(flavor = "multi_thread")]
async fn a_category_is_throttled_by_the_second() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(1).await?;
    front.strict.stop_clock();
    front.strict.change_settings(|settings| settings.quotas = Quotas::aws_defaults());
    let list = || front.client.list_users().user_pool_id(&pool).send();
    for _ in 0..30 {
        assert_eq!(error(list().await), "none");
    }
    assert_eq!(error(list().await), "TooManyRequestsException");
    let read = front.client.admin_get_user().user_pool_id(&pool).username("u000").send().await;
    assert_eq!(error(read), "none", "another category");
    front.strict.advance_clock(Duration::from_millis(999));
    assert_eq!(error(list().await), "TooManyRequestsException");
    front.strict.advance_clock(Duration::from_millis(1));
    assert_eq!(error(list().await), "none");
    assert_eq!(front.strict.throttled(), [(Category::UserList, 2)].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_a_category_is_limited_to() -> Result<()> {
    let front = Front::new().await?;
    front.strict.change_settings(|settings| settings.quotas.categories = [(Category::UserList, 7)].into());
    let limit_of = |category: &str| {
        let limit = LimitDefinitionType::builder().limit_class(LimitClass::ApiCategory).attributes("Category", category).build();
        front.client.get_provisioned_limit().limit_definition(limit.unwrap()).send()
    };
    let limits =
        |answer: GetProvisionedLimitOutput| answer.limit.map(|limit| (limit.provisioned_limit_value, limit.free_limit_value));
    assert_eq!(limits(limit_of("UserList").await?), Some((7, 30)));
    assert_eq!(limits(limit_of("UserCreation").await?), Some((10_000, 50)));
    assert_eq!(error(limit_of("UserLists").await), "InvalidParameterException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_pass_untouched() -> Result<()> {
    let front = Front::new().await?;
    let tables = aws_sdk_dynamodb::Client::new(&aws::config(&front.strict.url(), REGION)).list_tables().limit(61).send().await?;
    assert!(tables.table_names().is_empty());
    Ok(())
}
