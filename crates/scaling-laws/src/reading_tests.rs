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
    let forms: [(&str, Vec<u8>); 24] = [
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
        ("thousands by points", "N;loss\n142.411;1,7419\n679.627;1,5416\n1.906.635;1,4452\n".into()),
        ("old Macintosh line ends", plain.replace('\n', "\r").into()),
        ("blanks", plain.replace(',', "  ").into()),
        (
            "numbers of rows, as pandas shows them",
            "   n_params  val_loss\n0  142411  1.7419\n1  679627  1.5416\n2  1906635  1.4452".into(),
        ),
        ("names in a comment", format!("# {}", plain.replace(',', " ")).into()),
        (
            "LaTeX",
            "\\begin{tabular}{rr}\n\\toprule\nn\\_params & val\\_loss \\\\ \\midrule\n\
             $142{,}411$ & 1.7419 \\\\\n$6.796\\times10^{5}$ & 1.5416 \\\\\n1906635 & 1.4452 \\\\\n\\end{tabular}\n"
                .into(),
        ),
        (
            "Excel",
            "sep=;\r\n\"Parameters\n(M)\";\"Val loss (nats)\"\n0,142;1,7419\n0,680;1,5416\n1,907;1,4452\n".into(),
        ),
        ("bold", "||N|loss|\n|--|--|--|\n||142411|**1.7419**|\n||679627|1.5416|\n||1906635|1.4452|\n".into()),
        ("powers of ten", "params_M,loss\n1.424×10⁻¹,1.7419\n0.68,1.5416\n1.9x10^0,1.4452\n".into()),
        ("a unit in both", "\"N (10^6)\",loss\n0.142M,1.7419\n680k,1.5416\n1.907,1.4452\n".into()),
        ("a sign in a name", "Run #,n_params,val_loss\n1,142411,1.7419\n2,679627,1.5416\n3,1906635,1.4452\n".into()),
        (
            "a list of another tracker's runs",
            "[\n{\"config\": {\"n_params\": 142411}, \"summary\": {\"eval/loss\": 1.7419}},\n\
             {\"params\": 5, \"n_params\": \"679627\", \"eval/loss\": \"1.5416\"},\n\
             {\"n_params\": 1906635, \"eval/loss\": 1.4452}]"
                .into(),
        ),
        ("units in cells", "N,Loss\n0.142M,1.7419\n680k,1.5416\n1.907e6,1.4452\n".into()),
        ("units in names", "Parameters (M),Val loss\n0.142,1.7419\n0.680,1.5416\n1.907,1.4452\n".into()),
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
    let (_, said) = read(b"N,params,loss\n9,10,2\n90,100,1.5\n", &Columns::default()).unwrap();
    assert_eq!(said.unwrap(), "Read N from `params` (not from `N`), the loss from `loss`.");
}

#[test]
fn perplexities_and_bits_become_nats() {
    let of = |name: &str, loss: f64| {
        let table = format!("n_params,{name}\n1e5,{loss}\n1e6,1.5\n");
        let (points, said) = read(table.as_bytes(), &Columns::default()).unwrap();
        (points[0].val_loss, said.unwrap())
    };
    let (loss, said) = of("perplexity", std::f64::consts::E);
    assert_eq!((loss, said.as_str()), (1.0, "Read N from `n_params`, the loss from `perplexity`, its logarithm."));
    for name in ["bits per character", "bpc", "Loss (bits/char)"] {
        let (loss, said) = of(name, 2.0);
        assert!((loss - 4f64.ln()).abs() < 1e-12 && said.ends_with(" times 0.6931, from bits to nats."), "{said}");
    }
}

#[test]
fn one_mark_and_three_digits_are_read_as_the_rest_of_the_table() {
    let sizes = |text: &str| {
        read(text.as_bytes(), &Columns::default())
            .map(|(points, _)| points.iter().map(|p| p.n_params.round()).collect::<Vec<_>>())
    };
    assert_eq!(sizes("n_params;val_loss\n142.411;1,74\n679.627;1,54\n").unwrap(), [142_411.0, 679_627.0]);
    assert_eq!(sizes("Params (M);val_loss\n1,907;1,54\n4,118;1,4\n").unwrap(), [1_907_000.0, 4_118_000.0]);
    assert_eq!(sizes("Params (M);val_loss\n1,907;1.54\n4,118;1.4\n").unwrap(), [1_907e6, 4_118e6]);
    let refused = sizes("n_params;val_loss\n142,411;1,74\n679,627;1,54\n").unwrap_err().to_string();
    assert!(
        refused.contains("line 2 (row 1), column n_params: `142,411` can be 142411 or 142.411: write"),
        "{refused}"
    );
    let grouped_badly = sizes("n_params;val_loss\n1,2,3;1.7\n").unwrap_err().to_string();
    assert!(grouped_badly.contains("`1,2,3` is not a number"), "{grouped_badly}");
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
        ("n_params,val_loss\n\"1e5,1.5\n", "line 2: its quotation mark is not closed; remove it"),
        ("1e5,1.5\n", "line 1 holds numbers where names are expected: write n_params,val_loss above it"),
        (
            "model,n_params,val_loss\na,1e5,2\nMean,1e5,2\n",
            "line 3 (row 2) is the `Mean` of others and no model: remove it",
        ),
        (
            "{\"n_params\": 1, \"val_loss\": 2}\n{\"val_loss\": NaN}",
            "line 2 is not JSON, which has no NaN either: mend or remove it",
        ),
        (
            "n_params val_loss\n1e5 1.5 2 3\n",
            "line 2 (row 1) has 4 cells and the first line names 2: give each column a name",
        ),
        ("n_params,val_loss\n5 apples,1.5\n", "line 2 (row 1), column n_params: `5 apples` is not a number"),
        (
            "n_params,val_loss\n142,411,1.7419\n",
            "line 2 (row 1) has 3 cells and the first line names 2: is a comma inside a number? Write 142411 or \"142,411\"",
        ),
    ];
    for (text, sentence) in cases {
        let error = read(text.as_bytes(), &Columns::default()).unwrap_err().to_string();
        let column = if sentence.contains(", column") { "; mend it or remove the row" } else { "" };
        assert_eq!(error, format!("points.csv, {sentence}{column}"));
    }
    let refused = |text: &str| read(text.as_bytes(), &Columns::default()).unwrap_err().to_string();
    assert_eq!(
        refused("size_of_x,loss\n1e5,1.5\n"),
        "points.csv has no column n_params: its first line says `size_of_x,loss`; rename one or say --x COLUMN"
    );
    assert_eq!(
        refused("n_params,val_loss\n1e5,1.5\n"),
        "points.csv holds one point; a law needs models of at least two sizes"
    );
    assert_eq!(
        refused("n_params,val_loss\n"),
        "points.csv holds no points; write one row n_params,val_loss for each trained model"
    );
    assert_eq!(
        refused("N,loss,loss\n1e5,1.5,1.6\n"),
        "points.csv has two columns of different numbers, `loss` and `loss`: rename or remove one or say --y COLUMN"
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
