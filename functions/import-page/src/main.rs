//! Restores the next pages of a snapshot.

use shared::steps::import_pages;
use shared_aws::function::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("import-page", |aws, event, budget| Box::pin(import_pages(aws, event, budget))).await
}
