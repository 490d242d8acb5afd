//! Time over the number of people, both on logarithmic scales, a panel for each load.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::deliveries::Workload;
use crate::report::grouped;
use crate::results::{Load, Results};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 34.0;

/// The powers of ten that the axes show: of people, and of seconds.
const PEOPLE: (i32, i32) = (4, 7);
const SECONDS: (i32, i32) = (-2, 2);

/// What a line is called, its colour, and where its numbers are.
type Line = (&'static str, &'static str, fn(&Load) -> Option<f64>);

const LINES: [Line; 2] = [
    ("Hayloft", "#0969da", |load| load.hayloft.seconds()),
    ("hand-written SQL", "#bc4c00", |load| {
        load.reference.seconds()
    }),
];

/// Draws what was measured.
pub(crate) fn write(results: &Results, path: &Path) -> Result<()> {
    let (width, height) = (WIDTH * 2.0, HEIGHT * 2.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (place, workload) in (0_u8..).zip(Workload::ALL) {
        let x = f64::from(place % 2) * WIDTH;
        let y = f64::from(place / 2) * HEIGHT;
        writeln!(svg, "<g transform=\"translate({x} {y})\">")?;
        panel(&mut svg, results, workload)?;
        writeln!(svg, "</g>")?;
    }
    writeln!(svg, "</svg>")?;
    Ok(fs::write(path, svg)?)
}

fn panel(svg: &mut String, results: &Results, workload: Workload) -> Result<()> {
    writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"16\" font-weight=\"bold\">{}: {}</text>",
        workload.name(),
        workload.title()
    )?;
    axes(svg)?;
    for (line, (name, colour, seconds)) in (0_u8..).zip(LINES) {
        let points: Vec<(f64, f64)> = results
            .loads
            .iter()
            .filter_map(|(people, loads)| Some((*people, seconds(loads.get(&workload)?)?)))
            .map(|(people, seconds)| (across(people), up(seconds)))
            .collect();
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        )?;
        for (x, y) in points {
            writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            )?;
        }
        let x = LEFT + 4.0 + f64::from(line) * 70.0;
        writeln!(
            svg,
            "<text x=\"{x}\" y=\"32\" fill=\"{colour}\">{name}</text>"
        )?;
    }
    Ok(())
}

fn axes(svg: &mut String) -> Result<()> {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in PEOPLE.0..=PEOPLE.1 {
        let people = 10_u64.pow(power.unsigned_abs());
        let x = across(people);
        writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            grouped(people)
        )?;
    }
    for power in SECONDS.0..=SECONDS.1 {
        let seconds = 10_f64.powi(power);
        let y = up(seconds);
        writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{seconds} s</text>",
            LEFT - 6.0,
            y + 4.0
        )?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a pixel is far coarser")]
fn across(people: u64) -> f64 {
    let share = share((people as f64).log10(), PEOPLE);
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

fn up(seconds: f64) -> f64 {
    HEIGHT - BOTTOM - share(seconds.log10(), SECONDS) * (HEIGHT - TOP - BOTTOM)
}

fn share(power: f64, (low, high): (i32, i32)) -> f64 {
    (power - f64::from(low)) / f64::from(high - low)
}
