//! Fits a table that was published with a law, and says what the table can and cannot show: `cargo run -p scaling-laws --example fit`.

use scaling_laws::{Comparison, Law, Point, published_fits, rank_laws, report};

fn main() -> scaling_laws::Result<()> {
    let tables = published_fits();
    for table in &tables {
        println!("{}: printed as {}\n{}\n", table.name, table.claim, table.check()?);
    }
    let points: Vec<Point> = [(1e5, 2.0), (3e5, 1.7), (1e6, 1.55), (3e6, 1.41), (1e7, 1.36)]
        .map(|(n_params, loss)| Point::new(n_params, loss))
        .to_vec();
    println!("{}\n", report(&points, Law::Power.name(), 1000, 1337)?);
    for score in rank_laws(&points)? {
        println!("{:<16} R² = {:.4}", score.law.name(), score.r_squared);
    }
    if let [first, second, ..] = &tables[..] {
        let families = ((first.name, &first.points[..]), (second.name, &second.points[..]));
        println!("\n{}", Comparison::new(families.0, families.1, &[1e7, 1e9], 1000, 1337)?);
    }
    Ok(())
}
