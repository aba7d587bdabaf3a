//! Charts as SVG. The same data gives the same bytes, and the colours follow the reader's theme.
//!
//! The bench uses no plotting crate. A crate would fix the colours and be a hundred times as much code. It
//! would also measure text with fonts that the reader may not have.

use std::fmt::Write;

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear, from 0.
    Linear,
    /// Logarithmic, by powers of ten.
    Logarithmic,
}

#[derive(Debug, Clone)]
pub struct Axis {
    /// The quantity, with its unit.
    pub label: &'static str,
    pub scale: Scale,
}

/// The data of one line.
#[derive(Debug, Clone)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// The points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines.
#[derive(Debug, Clone)]
pub struct LineChart {
    /// The heading.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// A value of y to draw as a dashed line, with its name.
    pub limit: Option<(f64, &'static str)>,
    /// The lines. With more than six, colours repeat.
    pub series: Vec<Series>,
    /// Whether each point has a marker.
    pub has_markers: bool,
}

/// A chart of horizontal bars, each with its value.
#[derive(Debug, Clone)]
pub struct BarChart {
    /// The heading.
    pub title: String,
    /// The quantity, with its unit.
    pub label: &'static str,
    /// The bars: name, value, and the value as text.
    pub bars: Vec<(String, f64, String)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;
const LEGEND_LINE: f64 = 18.0;

/// Colours that differ on a light and on a dark background, and for most readers who are colour-blind.
/// Source: Okabe and Ito, "Color Universal Design", 2008.
const STYLE: &str = "<style>\
text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}.g{stroke:#d0d7de;stroke-width:1}\
.l{fill:none;stroke-width:2}.d{stroke:#57606a;stroke-dasharray:5 4;stroke-width:1.5}\
.c0{stroke:#0072b2;fill:#0072b2}.c1{stroke:#d55e00;fill:#d55e00}.c2{stroke:#009e73;fill:#009e73}\
.c3{stroke:#cc79a7;fill:#cc79a7}.c4{stroke:#e69f00;fill:#e69f00}.c5{stroke:#56b4e9;fill:#56b4e9}.l{fill:none!important}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}.d{stroke:#9ea7b3}.c0{stroke:#58a6ff;fill:#58a6ff}}\
</style>";

/// The classes `c0` to `c5` in [`STYLE`].
const COLOURS: usize = 6;

fn svg_start(height: f64, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">{STYLE}\n\
         <text class=\"t\" x=\"{LEFT:.0}\" y=\"24\">{title}</text>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A number for an axis: `1200`, `0.5`, `10 M`.
fn short(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{} M", plain(millions / 1e6)),
        thousands if thousands >= 1e4 => format!("{} k", plain(thousands / 1e3)),
        other => plain(other),
    }
}

fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Scale {
    /// The values written at the axis. The axis reaches from the first to the last of them.
    fn ticks(self, minimum: f64, maximum: f64) -> Vec<f64> {
        match self {
            Self::Logarithmic => {
                let first = minimum.max(1e-9).log10().floor() as i32;
                let last = (maximum.max(1e-9).log10().ceil() as i32).max(first + 1);
                (first..=last).map(|power| 10f64.powi(power)).collect()
            }
            Self::Linear => {
                let rough = (maximum / 5.0).max(1e-9);
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 2.5, 5.0, 10.0]
                    .map(|factor| factor * power)
                    .into_iter()
                    .find(|&step| step >= rough * 0.999);
                let step = step.unwrap_or(power * 10.0);
                let steps = (maximum / step - 1e-9).ceil().max(1.0) as i32;
                (0..=steps).map(|number| f64::from(number) * step).collect()
            }
        }
    }

    /// The position of a value between the first and the last tick: 0 to 1.
    fn position(self, ticks: &[f64], value: f64) -> f64 {
        let (first, last) = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        let position = match self {
            Self::Linear => (value - first) / (last - first),
            Self::Logarithmic => (value.max(first).log10() - first.log10()) / (last.log10() - first.log10()),
        };
        position.clamp(0.0, 1.0)
    }
}

impl LineChart {
    /// Draws the chart.
    pub fn svg(&self) -> String {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values
                .fold((f64::MAX, 0f64), |(minimum, maximum), value| (minimum.min(value), maximum.max(value)))
        };
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (x_min, x_max) = range(&mut points().map(|(x, _)| *x));
        let (y_min, y_max) = range(&mut points().map(|(_, y)| *y).chain(self.limit.map(|(limit, _)| limit)));
        let (x_ticks, y_ticks) = (self.x.scale.ticks(x_min, x_max), self.y.scale.ticks(y_min, y_max));
        let top = TOP + LEGEND_LINE * self.series.len().div_ceil(2) as f64;
        let height = HEIGHT + top - TOP;
        let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * self.x.scale.position(&x_ticks, value);
        let y =
            |value: f64| height - BOTTOM - (height - BOTTOM - top) * self.y.scale.position(&y_ticks, value);

        let mut svg = svg_start(height, &self.title);
        for (index, series) in self.series.iter().enumerate() {
            let (column, row) = ((index % 2) as f64, (index / 2) as f64);
            let (left, middle) = (LEFT + column * 310.0, TOP + row * LEGEND_LINE);
            let name = escape(&series.name);
            let colour = index % COLOURS;
            let _ = writeln!(
                svg,
                "<path class=\"l c{colour}\" d=\"M{left:.1} {middle:.1}h22\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
                left + 28.0,
                middle + 4.0
            );
        }
        for tick in &y_ticks {
            let y = y(*tick);
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{LEFT:.1} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                short(*tick)
            );
        }
        for tick in &x_ticks {
            let x = x(*tick);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - BOTTOM + 18.0,
                short(*tick)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n<text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            height - 12.0,
            escape(self.x.label),
            (top + height - BOTTOM) / 2.0,
            escape(self.y.label)
        );
        if let Some((limit, name)) = self.limit {
            let y = y(limit);
            let _ = writeln!(
                svg,
                "<path class=\"d\" d=\"M{LEFT:.1} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT - 4.0,
                y - 5.0,
                escape(name)
            );
        }
        for (index, series) in self.series.iter().enumerate() {
            let colour = index % COLOURS;
            let mut path = String::new();
            for (number, (px, py)) in series.points.iter().enumerate() {
                let _ = write!(path, "{}{:.1} {:.1}", if number == 0 { 'M' } else { 'L' }, x(*px), y(*py));
            }
            let _ = writeln!(svg, "<path class=\"l c{colour}\" d=\"{path}\"/>");
            for (px, py) in series.points.iter().filter(|_| self.has_markers) {
                let _ = writeln!(
                    svg,
                    "<circle class=\"c{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                    x(*px),
                    y(*py)
                );
            }
        }
        svg + "</svg>\n"
    }
}

impl BarChart {
    /// Draws the chart.
    pub fn svg(&self) -> String {
        const BAR: f64 = 26.0;
        const NAMES: f64 = 130.0;
        let height = TOP + (BAR + 10.0) * self.bars.len() as f64 + 34.0;
        let maximum = self.bars.iter().fold(1e-9, |maximum: f64, (_, value, _)| maximum.max(*value));
        let mut svg = svg_start(height, &self.title);
        for (index, (name, value, text)) in self.bars.iter().enumerate() {
            let top = TOP + (BAR + 10.0) * index as f64;
            let width = (WIDTH - NAMES - RIGHT - 90.0) * value / maximum;
            let middle = top + BAR / 2.0 + 4.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text><rect class=\"c{}\" x=\"{NAMES:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR:.1}\"/><text x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
                NAMES - 8.0,
                escape(name),
                index % COLOURS,
                NAMES + width + 8.0,
                escape(text)
            );
        }
        let _ =
            writeln!(svg, "<text x=\"{NAMES:.1}\" y=\"{:.1}\">{}</text>", height - 12.0, escape(self.label));
        svg + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(x: Scale) -> LineChart {
        LineChart {
            title: "a < b & c".into(),
            x: Axis { label: "users", scale: x },
            y: Axis { label: "share, %", scale: Scale::Linear },
            limit: Some((100.0, "limit")),
            series: vec![Series { name: "one".into(), points: vec![(10_000.0, 50.0), (1e6, 99.0)] }],
            has_markers: true,
        }
    }

    #[test]
    fn axes_end_on_round_numbers() {
        assert_eq!(Scale::Linear.ticks(3.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::Linear.ticks(0.0, 31.0).last(), Some(&40.0));
        assert_eq!(Scale::Logarithmic.ticks(10_000.0, 1e7), [1e4, 1e5, 1e6, 1e7]);
        let ticks = Scale::Logarithmic.ticks(1.0, 100.0);
        assert!((Scale::Logarithmic.position(&ticks, 10.0) - 0.5).abs() < 1e-9);
        assert_eq!([10_000.0, 2.5, 1e7, 1_000.0].map(short), ["10 k", "2.5", "10 M", "1000"]);
    }

    #[test]
    fn a_chart_has_the_same_well_formed_svg_every_time() {
        for svg in [lines(Scale::Linear).svg(), lines(Scale::Logarithmic).svg()] {
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
            assert!(svg.contains("a &lt; b &amp; c") && !svg.contains("NaN"));
            assert_eq!(svg.matches("<circle").count(), 2);
        }
        assert_eq!(lines(Scale::Linear).svg(), lines(Scale::Linear).svg());
        let bars = BarChart {
            title: "t".into(),
            label: "units",
            bars: vec![("first".into(), 2.0, "2".into()), ("none".into(), 0.0, "0".into())],
        };
        assert!(bars.svg().contains("width=\"0.0\""));
    }
}
