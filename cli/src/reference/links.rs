//! Links between the documents, and the files that they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents of the project, with their texts without code blocks.
fn documents() -> Vec<(PathBuf, String)> {
    let folders =
        ["", "docs", "docs/guides", "docs/concepts", "docs/reference"].map(|folder| root().join(folder));
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.map(|path| (path.clone(), without_code_blocks(&fs::read_to_string(path).unwrap()))).collect()
}

fn without_code_blocks(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// What a page on GitHub names a heading: lower case, no punctuation, hyphens for blanks, numbered if repeated.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        let anchor: String = kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        let times = seen.entry(anchor.clone()).or_default();
        *times += 1;
        if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
    };
    headings.map(anchor).collect()
}

/// The targets of the links in a text.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let mut broken = vec![];
    for (path, text) in documents() {
        for target in targets(&text).filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has_anchor = || {
                let linked = fs::read_to_string(&file).unwrap_or_default();
                anchor.is_empty()
                    || anchors(&without_code_blocks(&linked)).iter().any(|known| known == anchor)
            };
            if !file.exists() || !has_anchor() {
                broken.push(format!("{}: {target}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_path_in_architecture_exists() {
    let text = without_code_blocks(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let folders = [
        "bench/",
        "cdk/",
        "cli/",
        "docs/",
        "functions/",
        "local/",
        "shared/",
        "statemachines/",
        "tests/",
        "xtask/",
    ];
    let paths = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| folders.iter().any(|folder| code.starts_with(folder)));
    let missing: Vec<_> = paths.filter(|path| !path.contains('<') && !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist:\n{}", missing.join("\n"));
}

#[test]
fn readme_architecture_and_glossary_stay_short() {
    let lines = |name: &str| fs::read_to_string(root().join(name)).unwrap_or_default().lines().count();
    let [readme, architecture, glossary] = ["README.md", "ARCHITECTURE.md", "docs/glossary.md"].map(lines);
    assert!(readme <= 150, "README.md has {readme} lines");
    assert!(readme + architecture + glossary <= 450, "{readme} + {architecture} + {glossary} lines");
}
