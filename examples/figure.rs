//! A figure for a column of a report: `cargo run -p music-scaling --example figure` writes it into `target/example-figure`.

use music_scaling::figures::{self, Line, Reference};
use std::path::Path;

fn main() -> music_scaling::Result<()> {
    let loss = |n: f64| 8.4 * n.powf(-0.15) + 0.3;
    let sizes = [2e4, 7e4, 2e5, 5e5, 1e6];
    let runs = Line::new("runs", sizes.map(|n| (n, loss(n)))).dots();
    let law = Line::new(
        "law",
        (0..50).map(|i| 1e4 * 10f64.powf(f64::from(i) / 20.0)).map(|n| (n, loss(n))).collect::<Vec<_>>(),
    );
    let folder = Path::new("target/example-figure");
    figures::lines([runs, law], "Parameters", "Loss (nats per token)", [Reference::new("5-gram", 1.6)])
        .log_x()
        .title("Each tenfold of parameters buys less")
        .width_in(3.25)
        .save_in(folder, "law")?;
    println!("law.pdf and law.tex for LaTeX, law.svg and law.png, law.csv and law.txt in {}", folder.display());
    Ok(())
}
