//! Stores the next pages of a snapshot.

use shared::steps::export_pages;
use shared_aws::function::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("export-page", |aws, event, budget| Box::pin(export_pages(aws, event, budget))).await
}
