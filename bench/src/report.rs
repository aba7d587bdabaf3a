//! The report of the bench on the local AWS: figures with their targets, as a table or as JSON.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::{Serialize, Serializer};

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many users the pool has.
    pub users: usize,
    /// The sections, in their order.
    pub sections: Vec<Section>,
}

/// A group of figures.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// The id for programs that read the JSON.
    pub id: &'static str,
    /// The heading.
    pub title: String,
    /// The figures, in their order.
    pub figures: Vec<Figure>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// The name.
    pub name: String,
    /// The value, as measured.
    #[serde(serialize_with = "rounded")]
    pub value: f64,
    /// The unit. Empty for a ratio.
    pub unit: &'static str,
    /// The target, if the figure has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Whether the value reaches the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The minimum value.
    AtLeast(f64),
    /// The maximum value.
    AtMost(f64),
}

/// Whether a value reaches its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Reached,
    Missed,
}

impl Target {
    pub fn verdict(self, value: f64) -> Verdict {
        let reached = match self {
            Self::AtLeast(minimum) => value >= minimum,
            Self::AtMost(maximum) => value <= maximum,
        };
        if reached { Verdict::Reached } else { Verdict::Missed }
    }

    /// The text in a table: `≥ 9.50`.
    pub fn text(self) -> String {
        match self {
            Self::AtLeast(minimum) => format!("≥ {}", number(minimum)),
            Self::AtMost(maximum) => format!("≤ {}", number(maximum)),
        }
    }
}

impl Figure {
    /// A figure without a target.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, target: None, verdict: None }
    }

    /// A figure that is a count.
    pub fn count(name: impl Into<String>, value: u64, unit: &'static str) -> Self {
        Self::new(name, value as f64, unit)
    }

    /// Adds a target. The verdict compares the measured value, not the rounded one.
    pub fn with(mut self, target: Target) -> Self {
        self.target = Some(target);
        self.verdict = Some(target.verdict(self.value));
        self
    }
}

impl Report {
    /// The figures that miss their target, each with the heading of its section.
    pub fn missed(&self) -> Vec<String> {
        let missed = |section: &Section| {
            let figures = section.figures.iter().filter(|figure| figure.verdict == Some(Verdict::Missed));
            figures.map(|figure| format!("{}, {}", section.title, figure.name)).collect::<Vec<_>>()
        };
        self.sections.iter().flat_map(missed).collect()
    }

    /// The figures as a table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header([&format!("{} users", self.users), "measured", "", "target", ""]);
        for section in &self.sections {
            table.add_row([section.title.to_uppercase().as_str(), "", "", "", ""]);
            for figure in &section.figures {
                table.add_row([
                    figure.name.clone(),
                    number(figure.value),
                    figure.unit.to_owned(),
                    figure.target.map(Target::text).unwrap_or_default(),
                    match figure.verdict {
                        Some(Verdict::Reached) => "reached".to_owned(),
                        Some(Verdict::Missed) => "missed".to_owned(),
                        None => String::new(),
                    },
                ]);
            }
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// A number as text. Whole numbers have no decimals, and small numbers have more than large ones.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        _ if (value - value.round()).abs() < 1e-9 => 0,
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// Rounds to three decimals, because no measurement here is more precise. Counts have no decimals.
fn rounded<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = (value * 1_000.0).round() / 1_000.0;
    if rounded.fract() == 0.0 {
        serializer.serialize_i64(rounded as i64)
    } else {
        serializer.serialize_f64(rounded)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        let figures = vec![
            Figure::new("calls per second, mean", 9.8765, "calls/s").with(Target::AtLeast(9.5)),
            Figure::count("calls per second, peak", 12, "calls/s").with(Target::AtMost(11.0)),
            Figure::count("pages", 312, "pages"),
        ];
        Report { users: 6_000, sections: vec![Section { id: "paced", title: "export".into(), figures }] }
    }

    #[test]
    fn the_verdict_compares_the_measured_value_with_the_target() {
        let verdict = |value, target| Figure::new("", value, "").with(target).verdict;
        assert_eq!(verdict(9.5, Target::AtLeast(9.5)), Some(Verdict::Reached));
        assert_eq!(verdict(9.4999, Target::AtLeast(9.5)), Some(Verdict::Missed));
        assert_eq!(verdict(10.0, Target::AtMost(10.0)), Some(Verdict::Reached));
        assert_eq!(verdict(10.0001, Target::AtMost(10.0)), Some(Verdict::Missed));
        assert_eq!(Figure::new("", 1.0, "").verdict, None);
    }

    #[test]
    fn the_figures_that_miss_their_target_are_named() {
        assert_eq!(report().missed(), ["export, calls per second, peak"]);
    }

    #[test]
    fn numbers_have_fewer_decimals_the_larger_they_are() {
        let texts = [0.0, 0.123_4, 9.876_5, 12.345, 123.45, 6_000.0].map(number);
        assert_eq!(texts, ["0", "0.12", "9.88", "12.3", "123", "6000"]);
    }

    #[test]
    fn the_table_has_every_figure_with_its_target_and_verdict() {
        let table = report().table();
        let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
        for (name, expected) in [
            ("6000 users", ["measured", "target"]),
            ("EXPORT", ["", ""]),
            ("mean", ["9.88 ┆ calls/s", "≥ 9.50 ┆ reached"]),
            ("peak", ["12 ┆ calls/s", "≤ 11     ┆ missed"]),
            ("pages", ["312 ┆ pages", ""]),
        ] {
            for part in expected {
                let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(squeezed(&line(name)).contains(&squeezed(part)), "{part} of {name} in\n{table}");
            }
        }
    }

    #[test]
    fn the_json_has_every_figure_with_its_target_and_verdict() -> anyhow::Result<()> {
        let json = serde_json::to_value(report())?;
        let figures = &json["sections"][0]["figures"];
        let mean = json!({"name": "calls per second, mean", "value": 9.877, "unit": "calls/s", "target": {"atLeast": 9.5}, "verdict": "reached"});
        assert_eq!(figures[0], mean);
        assert_eq!(figures[1]["verdict"], "missed");
        assert_eq!(figures[2], json!({"name": "pages", "value": 312, "unit": "pages"}));
        Ok(())
    }
}
