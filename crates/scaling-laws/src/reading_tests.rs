//! Claims about tables as they come: every form of one table gives the same points, and every refusal says where and what to do.

use crate::*;

fn read(text: &[u8], columns: &Columns) -> Result<(Vec<Point>, Option<String>)> {
    let folder = std::env::temp_dir().join(format!("scaling-laws-{}-{:x}", std::process::id(), hash(text)));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("points.csv");
    std::fs::write(&path, text).unwrap();
    let points = read_points(&path, Law::Power, columns);
    std::fs::remove_dir_all(&folder).unwrap();
    points.map_err(|error| Error::Fit(error.to_string().replace(&format!("{}/", folder.display()), "")))
}

fn hash(text: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (text, std::thread::current().id()).hash(&mut hasher);
    hasher.finish()
}

/// Parameters in thousands and losses, as three digits show them.
fn rounded(points: &[Point]) -> Vec<(f64, f64)> {
    points.iter().map(|point| ((point.n_params / 1e5).round(), point.val_loss)).collect()
}

const TABLE: [(f64, f64); 3] = [(1.0, 1.7419), (7.0, 1.5416), (19.0, 1.4452)];

#[test]
fn one_table_in_every_form_gives_the_same_points() {
    let utf16 =
        |text: &str| [&[0xff, 0xfe][..], &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat();
    let plain = "n_params,val_loss\n142411,1.7419\n679627,1.5416\n1906635,1.4452\n";
    let forms: [(&str, Vec<u8>); 17] = [
        ("plain", plain.into()),
        ("UTF-16", utf16(plain)),
        ("mark and Windows line ends", format!("\u{feff}{}", plain.replace('\n', "\r\n")).into()),
        ("tabs", plain.replace(',', "\t").into()),
        ("semicolons, decimal commas", plain.replace(',', ";").replace('.', ",").into()),
        (
            "quoted decimal commas",
            "n_params,val_loss\n142411,\"1,7419\"\n679627,\"1,5416\"\n1906635,\"1,4452\"\n".into(),
        ),
        (
            "quoted thousands",
            "n_params,val_loss\n\"142,411\",1.7419\n\"679,627\",1.5416\n\"1,906,635\",1.4452\n".into(),
        ),
        (
            "Markdown",
            "| n_params | val_loss |\n|---|---|\n| 142 411 | 1.7419 |\n| 679627 | 1.5416 |\n| 1906635 | 1.4452 |"
                .into(),
        ),
        (
            "comments",
            "# runs\n\nn_params,val_loss\n142411,1.7419 # seed 0\n\n679627,1.5416\n1906635,1.4452\n,\n".into(),
        ),
        ("units in cells", "N,Loss\n0.142M,1.7419\n680k,1.5416\n1.907e6,1.4452\n".into()),
        ("units in names", "Parameters (M),Val loss\n0.142,1.7419\n0.680,1.5416\n1.907,1.4452\n".into()),
        ("blanks", plain.replace(',', "  ").into()),
        ("powers of ten", "N,loss\n1.42×10^5,1.7419\n6.8x10^5,1.5416\n1.907E6,1.4452\n".into()),
        ("the loss's unit", "params,Validation loss (nats)\n142411,1.7419\n679627,1.5416\n1906635,1.4452\n".into()),
        (
            "objects with other names",
            "{\"N\": 142411, \"loss\": 1.7419}\n{\"loss\": 1.5416, \"N\": 679627}\n{\"N\": \"1.9M\", \"loss\": 1.4452}\n".into(),
        ),
        (
            "a list of objects",
            "[{\"params\": 142411, \"loss\": 1.7419},\n {\"params\": 679627, \"loss\": 1.5416, \"seed\": null}, \
             {\"params\": 1906635, \"loss\": 1.4452}]"
                .into(),
        ),
        (
            "our own runs",
            "{\"summary\":{\"n_params\":142411,\"val_loss\":1.7419}}\n{\"n_params\":679627,\"val_loss\":1.5416}\n\
             {\"summary\":{\"n_params\":1906635,\"val_loss\":1.4452}}\n"
                .into(),
        ),
    ];
    for (name, text) in forms {
        let (points, _) = read(&text, &Columns::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rounded(&points), TABLE, "{name}");
    }
}

#[test]
fn the_columns_that_were_taken_are_said() {
    let (_, said) = read(b"Parameters (M),Val loss\n0.1,2\n1,1.5\n", &Columns::default()).unwrap();
    assert_eq!(said.unwrap(), "Read N from `Parameters (M)` times 1e6, the loss from `Val loss`.");
    let asked = Columns { x: Some("FLOPs".into()), y: Some("test".into()) };
    let (points, said) = read(b"n_params,FLOPs,val_loss,test\n1,1e9,9,2\n2,1e10,9,1.5\n", &asked).unwrap();
    assert_eq!(points, [Point::new(1e9, 2.0), Point::new(1e10, 1.5)]);
    assert_eq!(said.unwrap(), "Read N from `FLOPs`, the loss from `test`.");
    assert_eq!(read(b"n_params,val_loss\n1e5,2\n1e6,1.5\n", &Columns::default()).unwrap().1, None);
}

#[test]
fn each_bad_table_is_one_sentence_with_file_line_and_column() {
    let cases = [
        (
            "n_params,val_loss\n1e5,1.5\n2e5,NaN\n",
            "line 3 (row 2), column val_loss: NaN is not a number greater than zero",
        ),
        ("n_params,val_loss\n0,1.5\n", "line 2 (row 1), column n_params: 0 is not a number greater than zero"),
        ("n_params,val_loss\n1e5,-1.5\n", "line 2 (row 1), column val_loss: -1.5 is not a number greater than zero"),
        ("n_params,val_loss\n1e5,inf\n", "line 2 (row 1), column val_loss: inf is not between 1e-60 and 1e60"),
        (
            "n_params,val_loss\n1e5\n",
            "line 2 (row 1), column val_loss: the cell is empty; a number greater than zero is needed",
        ),
        ("n_params,val_loss\n5 apples,1.5\n", "line 2 (row 1), column n_params: `5 apples` is not a number"),
        (
            "n_params,val_loss\n142,411,1.7419\n",
            "line 2 (row 1) has 3 cells and the first line names 2: is a comma inside a number? Write 142411 or \"142,411\"",
        ),
    ];
    for (text, sentence) in cases {
        let error = read(text.as_bytes(), &Columns::default()).unwrap_err().to_string();
        assert_eq!(error, format!("points.csv, {sentence}"));
    }
    let refused = |text: &str| read(text.as_bytes(), &Columns::default()).unwrap_err().to_string();
    assert_eq!(
        refused("size_of_x,loss\n1e5,1.5\n"),
        "points.csv has no column n_params: its first line says `size_of_x,loss`; rename one or say --x COLUMN"
    );
    assert_eq!(refused("N,loss,loss\n1e5,1.5,1.6\n"), "points.csv has two columns named loss: rename one");
    assert!(refused("N,loss (bits)\n1e5,1.5\n").contains("has no column val_loss"), "bits are no nats");
    assert_eq!(refused("[{\"N\": 1}, 2]"), "points.csv, line 2 is not a JSON object: remove it");
    assert_eq!(
        refused("n_params,val_loss\n1e5,1.5\n"),
        "points.csv holds one point; a law needs models of at least two sizes"
    );
    assert_eq!(
        refused("n_params,val_loss\n"),
        "points.csv holds no points; write one row n_params,val_loss for each trained model"
    );
    let nowhere = read_points("/nowhere/p.csv", Law::Power, &Columns::default()).unwrap_err().to_string();
    assert!(nowhere.starts_with("cannot read /nowhere/p.csv: "), "{nowhere}");
}

#[test]
fn the_cases_that_came_out_wrong_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/cases/fits");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not here", folder.display());
        return;
    };
    for file in files.map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().to_string();
        match read_points(&file, Law::Power, &Columns::default()) {
            Ok((points, _)) => {
                assert!(points.len() == 5 && points[4].n_params > 7.5e6 && points[4].val_loss == 1.3176, "{name}")
            }
            Err(error) => assert!(name.starts_with("18_") && error.to_string().contains("row 1"), "{error}"),
        }
    }
}
