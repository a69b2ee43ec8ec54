//! Numbers in words, as people write them: one way for figures, tables and lines of progress.

/// Units of large numbers, the largest first.
pub const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")];

/// Three significant digits, with K, M, B and T for thousands, millions, billions and trillions.
///
/// ```
/// use nets::words::human;
/// assert_eq!([950.0, 142_411.0, 7_609_675.0, 0.36174, 1e4].map(human), ["950", "142K", "7.61M", "0.362", "10K"]);
/// assert_eq!([999_700.0, -0.5, 3.2e15, f64::NAN].map(human), ["1M", "−0.5", "3.2e15", "–"]);
/// ```
pub fn human(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_string();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return minus(&format!("{value:.1e}"));
    }
    let (unit, suffix) = UNITS.iter().copied().find(|(unit, _)| size >= unit * 0.9995).unwrap_or((1.0, ""));
    let scaled = value / unit;
    let whole_digits = scaled.abs().max(1e-9).log10().floor() as i32 + 1;
    let places = (3 - whole_digits).clamp(0, 7) as usize;
    let text = format!("{scaled:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    minus(&format!("{text}{suffix}"))
}

/// A true minus sign in front of negative numbers.
///
/// ```
/// assert_eq!(nets::words::minus("-2.5"), "−2.5");
/// ```
pub fn minus(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_string(), |digits| format!("−{digits}"))
}

/// Floating-point operations with the units of physics.
///
/// ```
/// use nets::words::flops;
/// assert_eq!([581e9, 2.137e12, 3.2e15, 500.0].map(flops), ["581 GFLOP", "2.14 TFLOP", "3.2 PFLOP", "500 FLOP"]);
/// ```
pub fn flops(flops: f64) -> String {
    if flops >= 1e15 {
        return format!("{} PFLOP", human(flops / 1e15));
    }
    let short = human(flops);
    let digits = short.trim_end_matches(char::is_alphabetic);
    let unit = short.get(digits.len()..).unwrap_or_default().replace('B', "G"); // a billion is "giga" here
    format!("{digits} {unit}FLOP")
}

/// Seconds as a duration.
///
/// ```
/// use nets::words::duration;
/// assert_eq!([0.4, 59.4, 200.0, 7500.0].map(duration), ["0 s", "59 s", "3 min 20 s", "2 h 05 min"]);
/// ```
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}
