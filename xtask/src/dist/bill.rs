//! The software bill of materials: every package of which the command line and the functions consist, in the form of
//! [CycloneDX 1.5](https://cyclonedx.org/docs/1.5/json/).
//!
//! One bill is right for all releases of a version: it has the packages of all [`TARGETS`]. `cargo tree` says which
//! packages a build takes, because `cargo metadata` also has those that only other features ask for. `cargo metadata`
//! says the rest. The bill has no time and no serial number, so that the same sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use local::build::{COMMAND_LINE, FUNCTIONS};
use local::paths;
use serde::{Deserialize, Serialize};

/// The targets for which `.github/workflows/release.yml` builds the command line. Two of them are those of the functions.
pub(super) const TARGETS: [&str; 4] =
    ["aarch64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "x86_64-unknown-linux-gnu"];
/// What a release is called in its bill.
const RELEASE: &str = "cognito-backup-release";

/// A bill. Source of all members: the JSON schema of CycloneDX 1.5.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bill {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: BillMetadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Serialize)]
struct BillMetadata {
    /// What the bill is of.
    component: Component,
}

#[derive(Debug, Serialize)]
struct Component {
    #[serde(rename = "type")]
    class: Class,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    scope: Scope,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    /// Where the package comes from. None for a package of this project: the registry may have another one of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(rename = "externalReferences", skip_serializing_if = "Vec::is_empty")]
    sources: Vec<ExternalReference>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Class {
    Application,
    Library,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Scope {
    /// Part of a program.
    Required,
    /// Only the build uses it.
    Excluded,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum License {
    /// An expression of SPDX.
    Expression(String),
}

#[derive(Debug, Serialize)]
struct ExternalReference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: BTreeSet<String>,
}

/// What the bill takes from the answer of `cargo metadata`.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    description: Option<String>,
    license: Option<String>,
    repository: Option<String>,
    /// None for a package of this project.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Need>,
}

#[derive(Debug, Deserialize)]
struct Need {
    pkg: String,
    dep_kinds: Vec<NeedKind>,
}

#[derive(Debug, Deserialize)]
struct NeedKind {
    /// None for a normal dependency.
    kind: Option<String>,
}

/// The packages of a release.
struct Packages {
    metadata: Metadata,
    /// What a build takes: dependencies, and what the build runs, by [`Package::key`].
    built: BTreeSet<String>,
    /// What of it is part of a program, by [`Package::key`].
    linked: BTreeSet<String>,
}

/// Writes the bill into `folder`.
///
/// # Errors
/// If cargo does not answer, or the bill cannot be written.
pub(super) fn write(folder: &Path) -> Result<()> {
    let file = format!("cognito-backup-{}.cdx.json", env!("CARGO_PKG_VERSION"));
    fs::write(folder.join(&file), bytes(&Packages::read()?)?).with_context(|| format!("cannot write {file}"))
}

fn bytes(packages: &Packages) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec_pretty(&Bill::new(packages)?)?)
}

impl Packages {
    fn read() -> Result<Self> {
        let targets = TARGETS.iter().flat_map(|target| ["--filter-platform", target]);
        let metadata = cargo(["metadata", "--locked", "--format-version", "1"].into_iter().chain(targets))?;
        Ok(Self {
            metadata: serde_json::from_str(&metadata).context("cargo metadata cannot be read")?,
            built: tree("normal,build")?,
            linked: tree("normal,no-proc-macro")?,
        })
    }

    /// The packages of the bill, by key.
    fn all(&self) -> BTreeMap<String, &Package> {
        let packages = self.metadata.packages.iter().map(|package| (package.key(), package));
        packages.filter(|(key, _)| self.built.contains(key)).collect()
    }
}

impl Package {
    /// Name and version, which tell the packages of a lock file apart.
    fn key(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// How the bill refers to the package.
    fn reference(&self) -> String {
        self.purl().unwrap_or_else(|| format!("workspace:{}", self.key()))
    }

    /// The package URL. A `+` of a version has an escape. Source: the specification of package URLs, type `cargo`.
    fn purl(&self) -> Option<String> {
        self.source.as_ref().map(|_| format!("pkg:cargo/{}", self.key().replace('+', "%2B")))
    }

    fn is_program(&self) -> bool {
        programs().any(|program| program == self.name)
    }

    fn component(&self, scope: Scope) -> Component {
        let sources = self.repository.clone().map(|url| ExternalReference { kind: "vcs", url });
        Component {
            class: if self.is_program() { Class::Application } else { Class::Library },
            reference: self.reference(),
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            scope,
            licenses: self.license.as_deref().map(license).into_iter().collect(),
            purl: self.purl(),
            sources: sources.into_iter().collect(),
        }
    }
}

/// Some packages write `MIT/Apache-2.0`. SPDX has no slash: cargo reads it as `OR`.
fn license(license: &str) -> License {
    License::Expression(license.replace(" / ", "/").replace('/', " OR "))
}

/// The keys of the packages that the programs of a release reach over edges of these kinds.
fn tree(edges: &str) -> Result<BTreeSet<String>> {
    let options = ["tree", "--locked", "--prefix", "none", "--format", "{p}", "--edges", edges];
    let targets = TARGETS.iter().flat_map(|target| ["--target", target]);
    let packages = programs().flat_map(|program| ["--package", program]);
    let text = cargo(options.into_iter().chain(targets).chain(packages))?;
    // A line is `name v1.2.3`, and perhaps a path or a mark.
    let lines = text.lines().filter_map(|line| line.split_once(" v"));
    Ok(lines.map(|(name, rest)| format!("{name}@{}", rest.split(' ').next().unwrap_or(rest))).collect())
}

/// What cargo prints.
fn cargo<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(paths::workspace()).args(arguments);
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The packages of the programs.
fn programs() -> impl Iterator<Item = &'static str> {
    std::iter::once(COMMAND_LINE).chain(FUNCTIONS)
}

impl Bill {
    fn new(packages: &Packages) -> Result<Self> {
        let all = packages.all();
        let missing: Vec<_> = packages.built.iter().filter(|key| !all.contains_key(*key)).collect();
        ensure!(missing.is_empty(), "cargo metadata does not know {missing:?}");
        let scope = |key| if packages.linked.contains(key) { Scope::Required } else { Scope::Excluded };
        Ok(Self {
            bom_format: "CycloneDX",
            spec_version: "1.5",
            version: 1,
            metadata: BillMetadata { component: release() },
            components: all.iter().map(|(key, package)| package.component(scope(key))).collect(),
            dependencies: dependencies(packages, &all),
        })
    }
}

/// The release itself.
fn release() -> Component {
    Component {
        class: Class::Application,
        reference: RELEASE.to_owned(),
        name: RELEASE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: None,
        scope: Scope::Required,
        licenses: vec![license(env!("CARGO_PKG_LICENSE"))],
        purl: None,
        sources: Vec::new(),
    }
}

/// Which package needs which, and the release all its programs.
fn dependencies(packages: &Packages, all: &BTreeMap<String, &Package>) -> Vec<Dependency> {
    let by_id: BTreeMap<&str, &Package> =
        all.values().map(|package| (package.id.as_str(), *package)).collect();
    let reference = |id: &str| by_id.get(id).map(|package| package.reference());
    let is_built = |need: &&Need| need.dep_kinds.iter().any(|found| found.kind.as_deref() != Some("dev"));
    let of_node = |node: &Node| {
        let needs = node.deps.iter().filter(is_built).filter_map(|need| reference(&need.pkg));
        Some(Dependency { reference: reference(&node.id)?, depends_on: needs.collect() })
    };
    let programs = all.values().filter(|package| package.is_program());
    let depends_on = programs.map(|program| program.reference()).collect();
    let mut found = vec![Dependency { reference: RELEASE.to_owned(), depends_on }];
    found.extend(packages.metadata.resolve.nodes.iter().filter_map(of_node));
    found.sort_by(|one, other| one.reference.cmp(&other.reference));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn written() -> Result<Value> {
        Ok(serde_json::from_slice(&bytes(&Packages::read()?)?)?)
    }

    fn text<'a>(of: &'a Value, member: &str) -> &'a str {
        of[member].as_str().unwrap_or_default()
    }

    /// The packages of the lock file, by name and version, with what each needs: a name, or a name and a version.
    fn locked() -> Result<BTreeMap<String, Vec<String>>> {
        let lock = fs::read_to_string(paths::workspace().join("Cargo.lock"))?;
        let mut packages = BTreeMap::new();
        for package in lock.split("[[package]]").skip(1) {
            let value = |member: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(&format!("{member} = ")));
                line.unwrap_or_default().trim_matches('"').to_owned()
            };
            let needed = package.lines().filter_map(|line| line.strip_prefix(" \""));
            let needed = needed.map(|line| line.trim_end_matches("\",").replace(' ', "@")).collect();
            packages.insert(format!("{}@{}", value("name"), value("version")), needed);
        }
        Ok(packages)
    }

    #[test]
    fn the_bill_of_materials_has_every_package_that_the_programs_reach_in_the_lock_file() -> Result<()> {
        let bill = written()?;
        let components = bill["components"].as_array().context("no components")?;
        let named: BTreeSet<String> =
            components.iter().map(|one| format!("{}@{}", text(one, "name"), text(one, "version"))).collect();
        assert_eq!(components.len(), named.len(), "a package stands twice in the bill");

        let locked = locked()?;
        // A lock file has the packages of all platforms, of all features of the workspace, and of its tests. `cargo tree`
        // leaves out what no build of a program takes.
        let taken = tree("normal,build")?;
        let mut reached: BTreeSet<String> = BTreeSet::new();
        let mut next: Vec<String> =
            programs().map(|program| format!("{program}@{}", env!("CARGO_PKG_VERSION"))).collect();
        while let Some(package) = next.pop() {
            assert!(locked.contains_key(&package), "{package} is not locked");
            if taken.contains(&package) && reached.insert(package.clone()) {
                for needed in &locked[&package] {
                    let of_name = format!("{needed}@");
                    let found = locked.keys().filter(|key| *key == needed || key.starts_with(&of_name));
                    next.extend(found.cloned());
                }
            }
        }
        assert!(reached.len() > 100, "{}", reached.len());
        assert_eq!(named, reached);
        Ok(())
    }

    #[test]
    fn the_bill_of_materials_tells_parts_of_programs_from_tools_of_the_build() -> Result<()> {
        let bill = written()?;
        assert_eq!((text(&bill, "bomFormat"), text(&bill, "specVersion")), ("CycloneDX", "1.5"));
        assert_eq!(text(&bill["metadata"]["component"], "version"), env!("CARGO_PKG_VERSION"));
        let components = bill["components"].as_array().context("no components")?;
        let of_name = |name: &str| components.iter().find(|one| text(one, "name") == name);
        for (name, scope, class, is_in_registry) in [
            ("enumerate", "required", "application", false),
            ("shared", "required", "library", false),
            ("tokio", "required", "library", true),
            ("serde_derive", "excluded", "library", true),
        ] {
            let one = of_name(name).with_context(|| format!("no {name}"))?;
            assert_eq!((text(one, "scope"), text(one, "type")), (scope, class), "{name}");
            assert!(one["licenses"].is_array(), "{name} has no license");
            assert_eq!(text(one, "purl").starts_with("pkg:cargo/"), is_in_registry, "{name}");
        }
        let licenses = || components.iter().filter_map(|one| one["licenses"][0]["expression"].as_str());
        assert!(licenses().count() > 100 && !licenses().any(|license| license.contains('/')));
        // A path would name a folder of the machine that made the bill.
        assert!(!bill.to_string().contains(&paths::workspace().display().to_string()));
        Ok(())
    }

    #[test]
    fn the_bill_of_materials_has_what_each_package_needs() -> Result<()> {
        let bill = written()?;
        let needs = bill["dependencies"].as_array().context("no dependencies")?;
        let of = |reference: &str| {
            let one = needs.iter().find(|one| text(one, "ref") == reference);
            one.and_then(|one| one["dependsOn"].as_array()).cloned().unwrap_or_default()
        };
        assert_eq!(of(RELEASE).len(), 5);
        let enumerate = of(&format!("workspace:enumerate@{}", env!("CARGO_PKG_VERSION")));
        assert!(
            enumerate.iter().any(|one| one.as_str().is_some_and(|one| one.starts_with("workspace:shared")))
        );
        assert_eq!(needs.len(), bill["components"].as_array().map_or(0, Vec::len) + 1);
        Ok(())
    }

    #[test]
    fn the_bill_of_materials_of_the_same_sources_has_the_same_bytes() -> Result<()> {
        assert!(bytes(&Packages::read()?)? == bytes(&Packages::read()?)?);
        Ok(())
    }
}
