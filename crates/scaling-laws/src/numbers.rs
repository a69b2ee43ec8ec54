//! Numbers as people read them: four significant digits, powers of ten only where they help.

/// `0.82007` → `0.8201`, `14857.9` → `14860`, `7609675` → `7.61e6`, `0.00001` → `1e-5`.
pub(crate) fn short(value: f64) -> String {
    significant(value, 4)
}

/// `value` rounded to `digits` significant digits, without trailing zeros.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-3..6).contains(&exponent) {
        let rounded: f64 = scientific.parse().unwrap_or(value);
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return without_trailing_zeros(&format!("{rounded:.decimals$}"));
    }
    format!("{}e{exponent}", without_trailing_zeros(mantissa))
}

/// `p = 0.031`, `p < 0.001`
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

fn without_trailing_zeros(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_keep_four_digits_and_no_trailing_zeros() {
        let cases = [
            (0.82007, "0.8201"),
            (14857.9, "14860"),
            (7_609_675.0, "7.61e6"),
            (1e-5, "1e-5"),
            (5.0, "5"),
            (0.0, "0"),
            (-0.0230824, "-0.02308"),
            (999_999.0, "1e6"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
