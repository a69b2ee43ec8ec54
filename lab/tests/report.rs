//! The pages of notebooks need nothing else; the report keeps its author's text; the site's check finds what is wrong.

use music_scaling::figures::{Line, lines};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// A fresh folder, in place of the checkout's data/.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn music_scaling(data: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    program.args(arguments).env("MUSIC_SCALING_DATA", data).current_dir(data).env("MUSIC_SCALING_ROOT", root());
    program.output().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn error(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `laptop` is committed: its report needs no training.
#[test]
fn what_a_report_asks_for_in_vain_is_named_with_its_line_and_what_begins_alike() {
    let data = folder("report-in-vain");
    let text = data.join("studies/laptop/report/report.md");
    std::fs::create_dir_all(text.parent().unwrap()).unwrap();
    for (asked, why) in [
        (
            "{{best.perplexty}}",
            "line 2: {{best.perplexty}} names no result of this study; numbers.csv lists all names, such as best.perplexity",
        ),
        ("{{number of 06_scaling}}", "{{number of 06_scaling}} is the number of no figure in this report"),
        ("{{figure 99_none}}", "{{figure 99_none}} cannot be had:"),
        ("{{table x}}", "{{table x}} asks for the table x; there is one: {{table models}}"),
        ("{{scores x}}", "{{scores x}} needs a count: {{scores 5}}"),
        ("{{best.run", "{{best.run}} is not closed by }}"),
    ] {
        std::fs::write(&text, format!("Mine.\n{asked}\n")).unwrap();
        let error = error(&music_scaling(&data, &["report", "laptop"]));
        assert!(error.contains("report.md, line 2") && error.contains(why), "{error}");
    }
}

#[test]
fn a_report_is_begun_once_and_then_stays_its_authors_while_its_numbers_are_renewed() {
    if !root().join(".lab/typesetting/bin/python").exists() {
        eprintln!("skipped: pandoc and Typst are not installed; cargo run -- report installs them");
        return;
    }
    let data = folder("report-kept");
    let output = music_scaling(&data, &["report", "laptop", "--pdf", "--html", "--latex"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = data.join("studies/laptop/report");
    let read = |name: &str| std::fs::read_to_string(report.join(name)).unwrap();
    let begun = read("report.md");
    assert!(begun.contains("> **Write here:**") && begun.contains("{{best.perplexity .3}}"));
    assert!(!begun.contains("entropy_floor"), "the laptop study knows no entropy: the line is left out");
    assert!(std::fs::read(report.join("report.pdf")).unwrap().starts_with(b"%PDF"));
    let page = read("report.html");
    assert!(page.contains("<td style=\"text-align: right;\">2.561</td>") && !page.contains("{{"));
    assert!(!page.contains("src=\"http") && !page.contains("src=\"figures"), "the page needs nothing else");
    let tex = read("report.tex");
    assert!(
        tex.contains("\\toprule") && tex.contains("{figures/06_scaling.pdf}") && tex.contains("\\input{numbers.tex}")
    );
    assert!(read("numbers.tex").contains("{\\resBestRun}{laptop-transformer-xl-longer}"));
    std::fs::write(report.join("report.md"), "Mine: {{best.perplexity .1}} and {{corpus.success_rate %.1}}.\n")
        .unwrap();
    assert!(music_scaling(&data, &["report", "laptop", "--html"]).status.success());
    assert!(read("report.html").contains("<p>Mine: 2.6 and 99.2 %.</p>"));
}

#[test]
fn figures_are_drawn_again_without_their_study() {
    let data = folder("figures-again");
    let figures = data.join("studies/smoke/figures");
    let falling = Line::new("loss", [(1.0, 2.0), (2.0, 1.0)]);
    lines([falling], "Tokens", "Loss", []).title("It falls").save_in(&figures, "04_it").unwrap();
    let asked = ["figures", "smoke", "04_it", "--width", "4", "--format", "svg", "--style", "slide", "--out", "slides"];
    let output = music_scaling(&data, &asked);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = std::fs::read_to_string(data.join("slides/04_it.svg")).unwrap();
    assert!(svg.contains("width=\"384\"") && svg.contains(">It falls</text>"), "4 inches of 96 pixels: {svg}");
    let unknown = error(&music_scaling(&data, &["figures", "smoke", "05_it"]));
    assert!(unknown.contains("holds no figure 05_it; it holds 04_it"), "{unknown}");
    let wide = error(&music_scaling(&data, &["figures", "smoke", "--width", "21"]));
    assert!(wide.contains("a figure is not drawn 21 inches wide: give --width 1 to 20"), "{wide}");
}

#[test]
fn the_check_of_a_site_finds_broken_links_and_requests_that_leave() {
    let site = folder("site");
    let check =
        || Command::new("python3").arg(root().join("lab/src/report/check_site.py")).arg(&site).output().unwrap();
    std::fs::write(site.join("b.html"), "<p id=\"here\">Here.</p>").unwrap();
    std::fs::write(site.join("a.html"), "<a href=\"b.html#here\">b</a> <a href=\"https://example.org\">licence</a>")
        .unwrap();
    let output = check();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = "<a href=\"c.html\">c</a> <a href=\"b.html#there\">b</a> <img src=\"https://example.org/x.png\">";
    std::fs::write(site.join("a.html"), page).unwrap();
    let error = error(&check());
    for fault in
        ["a.html: c.html leads nowhere", "b.html#there leads to no place of its page", "asks https://example.org/x.png"]
    {
        assert!(error.contains(fault), "{error}");
    }
}
