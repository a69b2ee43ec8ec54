//! Claims about every kind of figure: what is written, what is refused, and that nothing panics.

use super::*;
use crate::models::Family;
use crate::music::{DRUM_CHANNEL, Meter, MeterChange, Note, Score, Voice};

fn folder(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("music-scaling-figures-{name}-{}", std::process::id()))
}

fn transformer(points: &[(f64, f64)]) -> Line {
    Line::new("Transformer", points).dots().family(Family::Transformer)
}

const PROJECT_B: [(f64, f64); 5] =
    [(142_411.0, 1.7419), (679_627.0, 1.5416), (1_906_635.0, 1.4452), (4_118_347.0, 1.3981), (7_609_675.0, 1.3176)];

fn score(notes: &[(u32, u8, u32)], channel: u8) -> Score {
    let note = |(onset_ticks, pitch, duration_ticks): &(u32, u8, u32)| Note {
        onset_ticks: *onset_ticks,
        pitch: *pitch,
        duration_ticks: *duration_ticks,
        velocity: 80,
    };
    let voice = Voice { channel, notes: notes.iter().map(note).collect(), ..Voice::default() };
    Score { meters: vec![MeterChange { tick: 0, meter: Meter::COMMON }], voices: vec![voice], ..Score::default() }
}

fn error(figure: &Figure) -> String {
    figure.svg().unwrap_err().to_string()
}

#[test]
fn a_saved_figure_is_seven_files() {
    let dir = folder("saved");
    let references = vec![Reference::new("6-gram", 1.43)];
    scaling(vec![transformer(&PROJECT_B)], references).title("It falls & falls").save_in(&dir, "06_scaling").unwrap();
    let svg = files::read_text(dir.join("06_scaling.svg")).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.contains("It falls &amp; falls") && svg.contains("6-gram") && svg.len() < 10_000
    );
    assert!(files::read_bytes(dir.join("06_scaling.png")).unwrap().starts_with(b"\x89PNG"));
    let csv = files::read_text(dir.join("06_scaling.csv")).unwrap();
    assert_eq!(csv.lines().next(), Some("role,series,family,n_params,val_loss"));
    assert_eq!(
        files::read_text(dir.join("06_scaling.txt")).unwrap(),
        "It falls & falls. Dots are measured. Grey lines that are named are there for comparison. The numbers are in 06_scaling.csv (columns: role, series, family, n_params, val_loss).\n"
    );
    let tex = files::read_text(dir.join("06_scaling.tex")).unwrap();
    assert!(tex.starts_with(
        "\\begin{figure}\n  \\centering\n  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{\\includegraphics{06_scaling.pdf}}\n  \\caption{It falls \\& falls. "
    ));
    assert!(tex.ends_with("there for comparison.}\n  \\label{fig:06_scaling}\n\\end{figure}\n"), "{tex}");
    assert_eq!(Figure::read(&dir.join("06_scaling.json")).unwrap().svg().unwrap(), svg);
    let pdf = String::from_utf8_lossy(&files::read_bytes(dir.join("06_scaling.pdf")).unwrap()).into_owned();
    assert!(pdf.contains("/MediaBox[0 0 234.00 "), "as wide as a column: 3.25 inches of 72 points");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn every_kind_is_drawn_again_from_what_was_saved_in_other_styles_and_widths() {
    let dir = folder("redrawn");
    let tune = score(&[(0, 60, 480), (480, 64, 480), (960, 67, 960)], 0);
    let own = draw(100, 50, |area| {
        use plotters::prelude::*;
        Ok(area.draw(&Circle::new((10, 10), 3, look::category_colour(6).rgb()))?)
    });
    let nowhere = lines([Line::new("a", [(0.0, 1.0), (1.0, 2.0)])], "x", "y", [Reference::new("none", f64::NAN)]);
    let others = [nowhere, piano_roll(&tune), staff(&tune), arcs("AB", [vec![1.0, 0.0], vec![0.4, 0.6]]), own.unwrap()];
    for (i, figure) in one_of_each_kind().into_iter().chain(others).enumerate() {
        let saved = figure.title("The finding").save_in(&dir, "it").unwrap();
        let again = Figure::read(&dir.join("it.json")).unwrap();
        assert_eq!(again.svg().unwrap(), saved.svg().unwrap(), "kind {i}");
        let svg =
            |style, width| String::from_utf8(again.clone().styled(style, width).bytes(Format::Svg).unwrap()).unwrap();
        let (paper, slide, grey) =
            (svg(Style::Paper, Some(3.25)), svg(Style::Slide, None), svg(Style::Grey, Some(3.25)));
        assert!(
            paper.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"312\"")
                && slide.contains("width=\"960\"")
        );
        assert!(slide.contains(">The finding</text>") && !paper.contains(">The finding</text>"), "kind {i}");
        let colours = |page: &str| {
            page.split('#').skip(1).filter_map(|rest| rest.get(..6)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(
            colours(&grey).iter().skip(1).all(|colour| colour[..2] == colour[2..4] && colour[2..4] == colour[4..]),
            "kind {i}"
        );
        assert_eq!(colours(&grey).len(), colours(&paper).len(), "kind {i}");
    }
    std::fs::write(dir.join("it.json"), "{}").unwrap();
    let error = Figure::read(&dir.join("it.json")).err().unwrap().to_string();
    assert!(error.contains("it.json is no figure of this version (missing field `picture`"), "{error}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn outside_of_a_kernel_debug_is_one_line() {
    let figure = lines([Line::new("a", [(0.0, 1.0), (1.0, 2.0)])], "x", "y", []).title("Two points");
    let line = format!("{figure:?}");
    assert!(
        line.starts_with("the figure \"Two points\". ") && line.contains("&name") && !line.contains('\n'),
        "{line}"
    );
}

/// evcxr sends `format!("{:?}", …)` of a last expression that moves a variable, and passes on what is between its two lines.
#[test]
fn in_a_kernel_debug_shows_the_figure_and_says_what_became_of_the_variable() {
    const KERNEL: &str = "EVCXR_IS_RUNTIME";
    if std::env::var_os(KERNEL).is_some() {
        println!("{:?}", lines([Line::new("a", [(0.0, 1.0), (1.0, 2.0)])], "x", "y", []).title("Two points"));
        println!("{:?}", show::html("<b>bold</b>"));
        return;
    }
    let test = "figures::tests::in_a_kernel_debug_shows_the_figure_and_says_what_became_of_the_variable";
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let output = again.args(["--exact", test, "--nocapture"]).env(KERNEL, "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let blocks: Vec<&str> = text.split("\nEVCXR_BEGIN_CONTENT text/html\n").skip(1).collect();
    assert_eq!(blocks.len(), 2, "{text}");
    for (block, shown) in blocks.iter().zip(["src=\"data:image/png;base64,", "<b>bold</b>"]) {
        let (page, after) = block.split_once("\nEVCXR_END_CONTENT\n").unwrap();
        assert!(page.contains(shown) && page.contains("write &amp;name there to keep it"), "{page}");
        assert!(after.contains("write &name there to keep it"), "{after}");
    }
}

/// A figure of each kind, with what tends to collide: long names, many ticks, lines that end together or early.
fn one_of_each_kind() -> Vec<Figure> {
    let falling =
        |n: usize, to: f64| -> Vec<(f64, f64)> { (1..=n).map(|i| (i as f64 * 1e5, to + 1.0 / i as f64)).collect() };
    let many: Vec<Line> =
        (0..7).map(|i| Line::new(format!("order {i}"), falling(30, f64::from(i) / 50.0)).with_dots()).collect();
    let history = [
        Line::new("training batches", falling(60, 0.95)).grey(),
        Line::new("Transformer, ladder", falling(20, 1.2)).dashed().family(Family::Transformer),
        Line::new("Transformer, longer", falling(60, 0.96)).with_dots().family(Family::Transformer),
        Line::new("LSTM, ladder", falling(20, 1.05)).dashed().family(Family::Lstm),
        Line::new("LSTM, longer", falling(60, 0.99)).with_dots().family(Family::Lstm),
    ];
    let gradient: Vec<(f64, f64)> = (0..64).map(|i| (f64::from(i), 10f64.powf(-0.2 * f64::from(i)))).collect();
    let references =
        [Reference::new("gzip", 1.9), Reference::new("5-gram", 1.88), Reference::vertical("chosen", 5.9e6)];
    let bar = |label: &str, value: f64, high: f64| NamedValue::new(label, value).interval(0.5 * value, high);
    let names: Vec<String> = (0..24).map(|i| format!("n{i}")).collect();
    let weights = vec![vec![0.5; 24]; 24];
    let spread: Vec<f64> = (1..500).map(|i| 10f64.powf(-3.0 + 2.5 * f64::from(i % 97) / 97.0)).collect();
    vec![
        lines(&many, "Characters counted", "Validation loss (nats per character)", &references).log_x(),
        lines(&history, "Training tokens", "Loss (nats per token)", &references).y_range(0.9, 2.0),
        lines([Line::new("fresh", &gradient)], "Characters back", "Gradient", [Reference::new("one hundredth", 0.01)])
            .log_y(),
        scaling(
            [Line::new("Transformer", PROJECT_B).band(vec![(1e5, 1.6, 1.8), (1e7, 1.2, 1.4)]), transformer(&PROJECT_B)],
            &references[..1],
        ),
        loss_curves(&history[1..], &references),
        bars([bar("ours, Transformer", 0.07, 0.5), bar("A Transformer", 0.82, 5.0)], "Exponent alpha").log_x(),
        bars([bar("ours, Transformer", 0.07, 0.5), bar("A Transformer", 0.82, 5.0)], "Exponent alpha"),
        histogram(&spread, "Resampled exponent", "resamples", [Reference::vertical("fit", 0.09)]).log_x(),
        heatmap(&names, &names, &weights, "Weight of a position (row) on an earlier one (column)").x_label("Key"),
    ]
}

/// Left, right, top and bottom of every text of a picture, in points of the picture's own width.
fn text_boxes(drawing: &Drawing) -> Vec<(String, [f64; 4])> {
    let texts = drawing
        .shapes
        .iter()
        .filter_map(|shape| if let shapes::Shape::Text(label) = shape { Some(label) } else { None });
    let edges = |label: &shapes::Label| {
        let (x, y, size) = (f64::from(label.at.0) / UNITS, f64::from(label.at.1) / UNITS, label.size / UNITS);
        let width = look::text_width(&label.text, size, label.bold);
        [x - label.anchor * width, x + (1.0 - label.anchor) * width, y - 0.73 * size, y + 0.15 * size]
    };
    texts.map(|label| (label.text.clone(), edges(label))).collect()
}

#[test]
fn in_a_column_of_print_every_text_is_seven_to_eight_points_high() {
    for figure in one_of_each_kind() {
        let drawing = figure.title("Not in print").in_print().drawing().unwrap();
        assert_eq!(drawing.printed, 3.25);
        let points_per_unit = drawing.printed * 72.0 / drawing.size.0;
        for shape in &drawing.shapes {
            if let shapes::Shape::Text(label) = shape {
                let size = label.size * points_per_unit;
                assert!(
                    (7.0..=8.0).contains(&size) && label.text != "Not in print",
                    "'{}' is {size:.2} points high",
                    label.text
                );
            }
        }
    }
}

#[test]
fn no_text_lies_on_another_or_leaves_the_page() {
    for (kind, figure) in one_of_each_kind().into_iter().enumerate() {
        for drawing in [figure.drawing().unwrap(), figure.in_print().drawing().unwrap()] {
            let (width, height) = (drawing.size.0 / UNITS, drawing.size.1 / UNITS);
            let texts = text_boxes(&drawing);
            for (i, (text, [left, right, top, bottom])) in texts.iter().enumerate() {
                let inside = *left >= 0.0 && *right <= width && *top >= 0.0 && *bottom <= height;
                assert!(inside, "kind {kind}: '{text}' leaves the page of {width} points: {left:.0} to {right:.0}");
                for (other, edges) in &texts[i + 1..] {
                    let apart = *right <= edges[0] || edges[1] <= *left || *bottom <= edges[2] || edges[3] <= *top;
                    assert!(apart, "kind {kind}, {width} wide: '{text}' lies on '{other}'");
                }
            }
        }
    }
}

#[test]
fn a_line_to_compare_with_never_squashes_the_numbers() {
    let shown = |value: f64| scaling(vec![transformer(&PROJECT_B)], vec![Reference::new("gzip", value)]).svg().unwrap();
    for near in [2.1, 1.0] {
        let svg = shown(near); // the runs span 1.32 to 1.74
        assert!(svg.contains("gzip") && !svg.contains('↑') && !svg.contains('↓'), "{near} is drawn");
    }
    assert!(
        shown(3.0).contains("gzip ↑ 3") && shown(0.2).contains("gzip ↓ 0.2"),
        "further away it is named at the edge"
    );
}

#[test]
fn a_long_label_of_bars_is_broken_into_lines_that_stay_on_the_page() {
    let label = "Loss of the LSTM minus the loss of the Transformer, read off a straight line in ln N (nats per token)";
    let bar = NamedValue::new("a name that needs a good deal of room on the left", 1.0);
    let svg = bars(vec![bar], label).svg().unwrap();
    assert!(!svg.contains(label) && svg.contains("Loss of the LSTM minus") && svg.contains("(nats per token)"));
}

#[test]
fn the_csv_gives_back_exactly_the_numbers_that_were_plotted() {
    let csv = scaling(vec![transformer(&PROJECT_B).band(vec![(1e5, 1.1, 1.0 / 3.0)])], vec![]).csv().unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    let number = |row: &csv::StringRecord, i: usize| row[i].parse::<f64>().unwrap();
    let points: Vec<(f64, f64)> =
        rows.iter().filter(|row| &row[0] == "run").map(|row| (number(row, 3), number(row, 4))).collect();
    assert_eq!(points, PROJECT_B);
    let band = rows.iter().find(|row| &row[0] == "interval").unwrap();
    assert_eq!((number(band, 3), number(band, 5), number(band, 6)), (1e5, 1.1, 1.0 / 3.0));
}

#[test]
fn data_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let nothing = "there is nothing to draw: the figure was given no points";
    assert_eq!(error(&scaling(vec![], vec![])), nothing);
    assert_eq!(error(&loss_curves(vec![], vec![Reference::new("6-gram", 1.0)])), nothing);
    assert_eq!(error(&histogram(vec![], "Length", "tunes", vec![])), nothing);
    assert_eq!(
        error(&scaling(vec![transformer(&[(1e5, 1.7), (1e6, f64::NAN)])], vec![])),
        "run point 2 of 'Transformer' is (1000000, NaN), which cannot be drawn: leave it out"
    );
    assert_eq!(
        error(&scaling(vec![transformer(&[(0.0, 1.7)])], vec![])),
        "the value 0 has no place on the log axis 'Parameters': leave that point out or use a linear axis"
    );
    assert!(
        error(&histogram(vec![1.0, -1.0], "Length", "tunes", vec![]).log_x()).contains("-1 is not a positive number")
    );
    assert!(error(&bars(vec![NamedValue::new("a", f64::INFINITY)], "Share")).contains("the bar 'a'"));
    assert!(
        error(&heatmap(vec!["a".into()], vec!["b".into()], vec![], "Weight")).contains("1 row and 1 column labels")
    );
    assert!(error(&piano_roll(&Score::default())).contains("has none"));
    assert!(error(&staff(&score(&[(0, 36, 480)], DRUM_CHANNEL))).contains("not drums"));
    assert!(error(&scaling(vec![transformer(&PROJECT_B)], vec![]).y_range(2.0, 1.0)).contains("the smaller first"));
}

#[test]
fn nothing_is_written_when_a_figure_is_refused() {
    let dir = folder("refused");
    assert!(scaling(vec![], vec![]).save_in(&dir, "empty").is_err());
    assert!(!dir.exists());
}

#[test]
fn degenerate_data_do_not_panic() {
    let lines_of = |points: &[(f64, f64)]| lines(vec![Line::new("x", points).with_dots()], "", "", vec![]);
    let extreme = [-1e300, -1e-300, 0.0, 1e-300, 1.0, 1e300, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY];
    for x in extreme {
        for y in extreme {
            for figure in [lines_of(&[(x, y)]), lines_of(&[(x, y), (y, x)]), lines_of(&[(x, y), (1.0, 1.0)])] {
                let _ = (figure.svg(), figure.csv());
                let _ = (figure.clone().log_x().svg(), figure.clone().log_y().log_x().svg());
                let _ = figure.x_range(x, y).y_range(y, x).svg();
            }
        }
        let _ = (histogram(vec![x, 1.0, 2.0], "", "", vec![]).svg(), bars(vec![NamedValue::new("", x)], "").svg());
        let _ = heatmap(vec!["".into()], vec!["".into()], vec![vec![x]], "").svg();
        let _ = (lines_of(&[(0.0, 0.0), (1.0, 1.0)]).height(x).svg(), lines_of(&[(0.0, 1.0)]).title("\u{0}\n<").png());
    }
}

#[test]
fn strange_scores_do_not_panic() {
    let notes =
        [(0, 127, u32::MAX), (5, 0, 0), (7, 255, 1), (3_000_000, 60, 480), (3_000_000, 61, 480), (3_000_100, 62, 7)];
    for n in 1..=notes.len() {
        for channel in [0, DRUM_CHANNEL] {
            let strange = score(notes.get(notes.len() - n..).unwrap(), channel);
            for figure in [piano_roll(&strange), staff(&strange), piano_roll(&strange).x_range(6250.0, 6260.0)] {
                let _ = (figure.svg(), figure.csv());
            }
        }
    }
    let mut odd = score(&[(0, 60, 481), (900, 61, 100)], 0);
    odd.meters = vec![MeterChange { tick: 3, meter: Meter { numerator: 0, denominator: 0 } }];
    assert!(staff(&odd).svg().is_ok() && piano_roll(&odd).svg().is_ok());
}

#[test]
fn a_piano_roll_and_a_staff_show_every_note() {
    let tune = score(&[(0, 60, 480), (480, 64, 480), (960, 67, 960)], 0);
    let green = "fill=\"#009E73\"";
    assert_eq!(piano_roll(&tune).svg().unwrap().matches(green).count(), 3);
    assert_eq!(piano_roll(&tune).csv().unwrap().lines().nth(3), Some("1,Voice 1,2,2,67,G4,80"));
    let looking = piano_roll_with_arcs(&tune, [vec![0.0; 3], vec![0.05, 0.9, 0.0], vec![0.25, 0.1, 0.0]]);
    assert_eq!(
        looking.svg().unwrap().matches("<path").count(),
        piano_roll(&tune).svg().unwrap().matches("<path").count() + 1
    );
    assert_eq!(looking.csv().unwrap(), "from_beat,from_pitch,to_beat,to_pitch,weight\n2,G4,0,C4,0.25\n");
    assert_eq!(staff(&tune).csv().unwrap().lines().count(), 4);
}

#[test]
fn long_curves_stay_small() {
    let points: Vec<(f64, f64)> =
        (0..20_000).map(|i| (f64::from(i) * 100.0, 1.3 + 3.0 / (1.0 + f64::from(i) / 300.0))).collect();
    let curves = (0..9)
        .map(|i| Line::new(format!("run {i}"), &points).family(Family::Lstm).size(f64::from(i)))
        .collect::<Vec<_>>();
    let svg = loss_curves(curves, vec![]).svg().unwrap();
    assert!(svg.len() < 30_000, "{}", svg.len());
}

#[test]
fn side_by_side_is_one_block_of_html() {
    let figure = scaling(vec![transformer(&PROJECT_B)], vec![]).title("a \"b\"");
    let page = show::side_by_side(&[figure.clone(), figure]).unwrap();
    assert_eq!(page.as_str().matches("data:image/png;base64,").count(), 2);
    assert!(page.as_str().contains("alt=\"a &quot;b&quot;\""));
}

#[test]
fn a_drawing_of_ones_own_is_whatever_plotters_can_draw() {
    use plotters::prelude::*;
    let drawing = draw(640, 360, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("Squares", ("sans-serif", 20))
            .set_left_and_bottom_label_area_size(40)
            .build_cartesian_2d(0.0..10.0, 0.0..100.0)?;
        chart.configure_mesh().y_desc("Turned").draw()?;
        let squares = (0..=10).map(|x| (f64::from(x), f64::from(x * x)));
        chart.draw_series(LineSeries::new(squares, &look::category_colour(0).rgb()))?.label("x²");
        chart.configure_series_labels().draw()?;
        Ok(())
    })
    .unwrap();
    let svg = drawing.title("Ten squares").svg().unwrap();
    assert!(svg.contains("Squares") && svg.contains("Ten squares") && drawing_is_inside(&svg));
    assert_eq!(
        draw(1, 1, |_| Err("no data".into())).unwrap_err().to_string(),
        "plotters could not draw the figure: no data"
    );
}

/// Whether every place of the picture lies on its page.
fn drawing_is_inside(svg: &str) -> bool {
    let size: Vec<f64> = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .split(' ')
        .map(|n| n.parse().unwrap())
        .collect();
    svg.split(" y=\"")
        .skip(1)
        .all(|rest| (0.0..=size[1]).contains(&rest.split('"').next().unwrap().parse::<f64>().unwrap()))
}
