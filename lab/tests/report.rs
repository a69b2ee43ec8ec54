//! The report is one page that needs nothing else.

use std::path::Path;
use std::process::Command;

const NOTEBOOK: &str = r##"{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
    {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# 06 Law\n\nIt is $L(N) = a N^{-\\alpha}$, see [07](07_b.ipynb) and [x](../x.md).\n\n## Same\n\n## Same"},
    {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "source": "let a = 1;\na", "outputs": [
        {"output_type": "stream", "name": "stdout", "text": "study   tiny: a <test>\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n"},
        {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"image/png": "iVBORw0KGgo="}}]}]}"##;

const RESULTS: &str = r#"{"laws": {"transformer": "three sizes are too few", "lstm": {"alpha": 0.25, "verdict": {"kind": "not_identified", "reason": "too few sizes"}}}}"#;

#[test]
fn the_report_has_a_cover_contents_folds_formulas_and_inner_links_and_asks_no_other_host() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../.lab/python/bin/python");
    if !python.exists() {
        eprintln!("skipped: the laboratory's Python is not installed");
        return;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&dir).unwrap();
    let place = |name: &str| dir.join(name);
    for name in ["06_a.ipynb", "07_b.ipynb"] {
        std::fs::write(place(name), NOTEBOOK).unwrap();
    }
    std::fs::write(place("results.json"), RESULTS).unwrap();
    let mut writer = Command::new(python);
    writer.arg(root.join("src/write_report.py")).arg("--results").arg(place("results.json")).arg("The tiny study");
    writer.arg(place("report.html")).args([place("06_a.ipynb"), place("07_b.ipynb")]);
    let output = writer.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(place("report.html")).unwrap();
    for part in [
        "<h1>The tiny study</h1>",
        "tiny: a &lt;test&gt;",
        "alpha 0.250 is NOT identified: too few sizes",
        "three sizes are too few",
        "<nav aria-label=\"Contents\">",
        "<li><a href=\"#06_a-same-2\">Same</a></li>",
        "<a href=\"#07_b\">07</a> and x.",
        "<summary>Code, 2 lines: <code>let a = 1;</code></summary>",
        "<summary>14 lines of output: 13</summary>",
        "src=\"data:image/png;base64,iVBORw0KGgo=\"",
        "@media print",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(
        page.contains("<math") || page.contains("<code>L(N)"),
        "a formula, or its text where Python has no converter"
    );
    assert!(!page.contains("<script") && !page.contains(" src=\"http") && !page.contains("@import"));
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids, "every id is used once");
}
