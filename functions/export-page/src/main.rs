//! Stores the next pages of a snapshot.

use shared::adapters::function::serve;
use shared::steps::export_pages;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("export-page", |aws, event, budget| Box::pin(export_pages(aws, event, budget))).await
}
