//! Charts as inline SVG. Colours come from the page's style sheet, and none of them is needed: marks differ by
//! shape, parts by pattern, and every number stands beside its mark.

use super::html::escaped;
use super::page::{Chart, Marked, ticks};
use super::text::squeezed;
use super::words::{As, number};
use crate::text::one_line;
use std::fmt::Write;

/// Units across; a page shows one as a pixel on a phone.
const WIDTH: f64 = 360.0;
/// Where the axis begins and ends.
const PLOT: (f64, f64) = (112.0, 242.0);
const LINE: f64 = 19.0;
/// Letters that fit in front of the axis.
const LABEL: usize = 19;

/// A chart, its ids made from `id`, which must be of letters and digits and there once a page.
pub(super) fn chart(chart: &Chart, id: &str) -> String {
    match chart {
        Chart::Intervals { title, rows, axis, about, guides } => {
            intervals(id, title, rows, *axis, *about, guides)
        }
        Chart::Shares { title, parts, rows } => shares(id, title, parts, rows),
    }
}

fn open(id: &str, title: &str, description: &str, height: f64) -> String {
    format!(
        "<svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {WIDTH} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n",
        escaped(title),
        escaped(description)
    )
}

fn label(text: &str) -> String {
    escaped(&squeezed(&one_line(text), LABEL))
}

fn intervals(
    id: &str,
    title: &str,
    rows: &[Marked],
    (low, high): (f64, f64),
    about: Option<f64>,
    guides: &[f64],
) -> String {
    let headings =
        rows.iter().enumerate().filter(|(at, row)| begins(rows, *at) && !row.group.is_empty()).count();
    let body = LINE * (rows.len() + headings) as f64;
    let height = body + 36.0;
    let description: Vec<String> = rows
        .iter()
        .map(|row| {
            let group = if row.group.is_empty() { String::new() } else { format!("{}, ", row.group) };
            let value = match row.figure.why_absent() {
                Some(why) => format!("absent, {why}"),
                None => row.written.figure(&row.figure),
            };
            format!("{group}{}: {value}", row.label)
        })
        .collect();
    let mut out = open(id, title, &description.join("; "), height);
    let x = |value: f64| {
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        PLOT.0 + share * (PLOT.1 - PLOT.0)
    };
    // Writing into a string cannot fail.
    for tick in ticks(low, high) {
        let at = x(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"4\" x2=\"{at:.1}\" y2=\"{:.1}\"/><text class=\"tick\" \
             x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            body + 8.0,
            body + 22.0,
            number(tick, usize::from(tick.fract() != 0.0))
        );
    }
    for (class, at) in guides
        .iter()
        .map(|g| ("guide", *g))
        .chain(about.filter(|a| low < *a && *a < high).map(|a| ("zero", a)))
    {
        let at = x(at);
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{at:.1}\" y1=\"4\" x2=\"{at:.1}\" y2=\"{:.1}\"/>",
            body + 8.0
        );
    }
    let mut y = 4.0;
    for (at, row) in rows.iter().enumerate() {
        if begins(rows, at) && !row.group.is_empty() {
            let _ = writeln!(
                out,
                "<text class=\"group\" x=\"0\" y=\"{:.1}\">{}</text>",
                y + 13.0,
                escaped(&row.group)
            );
            y += LINE;
        }
        let middle = y + LINE / 2.0;
        let _ = writeln!(out, "<text x=\"6\" y=\"{:.1}\">{}</text>", middle + 4.0, label(&row.label));
        let Some(value) = row.figure.value() else {
            let _ = writeln!(
                out,
                "<text class=\"absent\" x=\"{:.1}\" y=\"{:.1}\">does not exist</text>",
                PLOT.0 + 4.0,
                middle + 4.0
            );
            y += LINE;
            continue;
        };
        let interval = row.figure.interval();
        // A full mark: the interval leaves out what the chart is about. A hollow one: it does not, or there is none.
        let (class, full) = match (about, interval) {
            (Some(about), Some(i)) if i.low > about => ("better", true),
            (Some(about), Some(i)) if i.high < about => ("worse", true),
            (Some(_), _) => ("open", false),
            (None, _) => ("plain", true),
        };
        if let Some(i) = interval {
            let (a, b) = (x(i.low), x(i.high));
            let _ = writeln!(
                out,
                "<path class=\"{class} bar\" d=\"M{a:.1} {m:.1}H{b:.1}M{a:.1} {t:.1}v6M{b:.1} {t:.1}v6\"/>",
                m = middle,
                t = middle - 3.0
            );
        }
        let at = x(value);
        let fill = if full { "full" } else { "hollow" };
        let shape = match class {
            "better" => {
                format!("<path class=\"{class} {fill}\" d=\"M{at:.1} {:.1}l5 9h-10z\"/>", middle - 5.5)
            }
            "worse" => {
                format!("<path class=\"{class} {fill}\" d=\"M{at:.1} {:.1}l5 -9h-10z\"/>", middle + 5.5)
            }
            _ => format!("<circle class=\"{class} {fill}\" cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"4\"/>"),
        };
        let _ = writeln!(
            out,
            "{shape}<text class=\"value\" x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            middle + 4.0,
            escaped(&row.written.figure(&row.figure))
        );
        y += LINE;
    }
    out.push_str("</svg>\n");
    out
}

fn begins(rows: &[Marked], at: usize) -> bool {
    at == 0 || rows[at - 1].group != rows[at].group
}

fn shares(id: &str, title: &str, parts: &[String], rows: &[(String, Vec<f64>)]) -> String {
    const BAR: f64 = 20.0;
    let height = 24.0 + rows.len() as f64 * (BAR + 22.0);
    let told = |(label, shares): &(String, Vec<f64>)| {
        let each: Vec<String> = parts
            .iter()
            .zip(shares)
            .map(|(part, share)| format!("{part} {}", As::Share.value(*share)))
            .collect();
        format!("{label}: {}", each.join(", "))
    };
    let description: Vec<String> = rows.iter().map(told).collect();
    let mut out = open(id, title, &description.join("; "), height);
    // A pattern each for those parts that are not plain.
    let _ = writeln!(
        out,
        "<defs><pattern id=\"{id}-p2\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect class=\"part1\" \
         width=\"6\" height=\"6\"/><circle class=\"ink\" cx=\"3\" cy=\"3\" r=\"1.1\"/></pattern><pattern id=\"{id}-p3\" \
         width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"part3\" \
         width=\"6\" height=\"6\"/><rect class=\"stripe\" width=\"2\" height=\"6\"/></pattern></defs>"
    );
    let fill = |at: usize| match at {
        0 | 1 => format!("class=\"part{at} edge\""),
        _ => format!("class=\"edge\" fill=\"url(#{id}-p{at})\""),
    };
    let mut x = 0.0;
    for (at, part) in parts.iter().enumerate() {
        let _ = writeln!(
            out,
            "<rect {} x=\"{x:.1}\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"{:.1}\" y=\"14\">{}</text>",
            fill(at),
            x + 17.0,
            escaped(part)
        );
        x += 34.0 + 6.2 * part.chars().count() as f64;
    }
    let mut y = 28.0;
    for (label, shares) in rows {
        let _ = writeln!(out, "<text x=\"0\" y=\"{:.1}\">{}</text>", y + 9.0, escaped(label));
        let mut x = 0.0;
        for (at, share) in shares.iter().enumerate() {
            let width = share.clamp(0.0, 1.0) * WIDTH;
            if width <= 0.0 {
                continue;
            }
            let top = y + 14.0;
            let _ = writeln!(
                out,
                "<rect {} x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR}\"/>",
                fill(at)
            );
            if width > 34.0 {
                let middle = x + width / 2.0;
                let _ = writeln!(
                    out,
                    "<rect class=\"plate\" x=\"{:.1}\" y=\"{:.1}\" width=\"30\" height=\"13\" rx=\"2\"/><text \
                     x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    middle - 15.0,
                    top + 3.5,
                    top + 13.8,
                    As::Share.value(*share)
                );
            }
            x += width;
        }
        y += BAR + 22.0;
    }
    out.push_str("</svg>\n");
    out
}
