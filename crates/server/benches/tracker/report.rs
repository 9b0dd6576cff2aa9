//! Numbers for people: rounds into medians, medians into a table.

use std::fmt::{Display, Write};

/// A line of the table.
#[derive(Debug)]
pub struct Line {
    scenario: String,
    subject: String,
    baseline: String,
    ratio: String,
    notes: String,
}

impl Line {
    /// A line with words and no numbers.
    pub fn note(scenario: impl Display, notes: &str) -> Self {
        let [subject, baseline, ratio] = ["-"; 3].map(str::to_owned);
        Self { scenario: scenario.to_string(), subject, baseline, ratio, notes: notes.to_owned() }
    }
}

impl Line {
    /// A line with a figure that has no baseline: the middle one of several, with the least and the most.
    pub fn figure(scenario: impl Display, values: &[f64], unit: &str, notes: &str) -> Self {
        let (least, most) =
            values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), v| (least.min(*v), most.max(*v)));
        Self {
            subject: format!("{:.1} {unit} ({least:.1} to {most:.1})", median(values)),
            ..Self::note(scenario, notes)
        }
    }
}

/// What a measure is in.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// So many a second; more is better.
    PerSecond,
    /// Milliseconds; less is better.
    Millis,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Millis => format!("{value:.2} ms"),
        }
    }

    fn direction(self) -> &'static str {
        match self {
            Self::PerSecond => "more is better",
            Self::Millis => "less is better",
        }
    }
}

/// What two sides measured, round by round.
#[derive(Debug, Default)]
pub struct Pairs {
    subject: Vec<f64>,
    baseline: Vec<f64>,
}

impl Pairs {
    /// Adds a round.
    pub fn push(&mut self, subject: f64, baseline: f64) {
        self.subject.push(subject);
        self.baseline.push(baseline);
    }

    /// The line for it: medians of both, and the median of the rounds' ratios with their extremes.
    pub fn line(&self, scenario: impl Display, unit: Unit, notes: &str) -> Line {
        let ratios: Vec<f64> = self.subject.iter().zip(&self.baseline).map(|(s, b)| s / b).collect();
        let (least, most) =
            ratios.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), r| (least.min(*r), most.max(*r)));
        Line {
            scenario: scenario.to_string(),
            subject: unit.show(median(&self.subject)),
            baseline: unit.show(median(&self.baseline)),
            ratio: format!("**{:.2}** ({least:.2} to {most:.2})", median(&ratios)),
            notes: if notes.is_empty() {
                unit.direction().to_owned()
            } else {
                format!("{}; {notes}", unit.direction())
            },
        }
    }
}

/// The middle one, or the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// A whole number with commas.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The table as Markdown.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::from("| Scenario | Subject | Baseline | Ratio | Notes |\n|---|---|---|---|---|");
    for Line { scenario, subject, baseline, ratio, notes } in lines {
        let notes = notes.replace('|', "/").replace('\n', " ");
        // Writing to a string cannot fail.
        let _ = write!(text, "\n| {scenario} | {subject} | {baseline} | {ratio} | {notes} |");
    }
    text + "\n\nMedians over the rounds; ratio = subject / baseline of the same round, with the least and \
            the most of all rounds.\n"
}
