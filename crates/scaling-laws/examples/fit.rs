//! A table in code, two laws through it, and what the points can and cannot say: `cargo run -p scaling-laws --example fit`.

use scaling_laws::{Law, Point, leave_largest_out, rank_laws};

fn main() -> scaling_laws::Result<()> {
    // Transformers of an earlier project on music: parameters, nats per token
    let table =
        [(142_411.0, 1.7419), (679_627.0, 1.5416), (1_906_635.0, 1.4452), (4_118_347.0, 1.3981), (7_609_675.0, 1.3176)];
    let points = table.map(|(n_params, val_loss)| Point::new(n_params, val_loss));

    let law = Law::Power.fit(&points)?;
    println!("{law}\n");
    println!("At ten times the largest size: {:.3} nats per token", law.predict(7.6e7));
    for score in rank_laws(&points, &Law::OF_N)? {
        println!("{}: R² {:.4}", score.law.formula(), score.r_squared);
    }
    println!("{}", leave_largest_out(&points, Law::Power)?);
    Ok(())
}
