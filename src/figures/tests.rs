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
fn a_saved_figure_is_four_files() {
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
    std::fs::remove_dir_all(&dir).unwrap();
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
