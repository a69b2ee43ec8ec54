use super::super::stand_in_tests::{config, data, folder, lstm, transformer};
use super::*;

#[test]
fn one_batch_overfits_to_near_nothing() {
    for model in [transformer(), lstm()] {
        let (dir, data) = (folder(), data());
        let config = RunConfig { batch_size: 1, dropout: 0.0, n_tokens: 16, ..config("o", model) };
        let options = TrainOptions { quiet: true, ..TrainOptions::default() };
        let mut trainer = Trainer::open(&config, &data, &dir, &options).unwrap();
        let mut losses = Vec::new();
        for _ in 0..400 {
            trainer.state.step = 0; // the first batch again and again
            trainer.schedule.n_steps = 2; // at a rate between the highest and the lowest
            trainer.update().unwrap();
            losses.push(trainer.state.loss_sum);
            trainer.state.loss_sum = 0.0;
        }
        let family = config.model.family();
        assert!(
            (losses[0] - 8f64.ln()).abs() < 0.5,
            "{family}: an untrained model loses about ln 8, not {}",
            losses[0]
        );
        assert!(losses[399] < 0.02, "{family}: {}", losses[399]);
    }
}

#[test]
fn pieces_of_a_batch_add_up_to_its_gradient() {
    for model in [transformer(), lstm()] {
        let (dir, data) = (folder(), data());
        let config = RunConfig { batch_size: 5, dropout: 0.0, ..config("m", model) };
        let options = TrainOptions { quiet: true, ..TrainOptions::default() };
        let mut trainer = Trainer::open(&config, &data, &dir, &options).unwrap();
        let (inputs, targets) = trainer.batches.batch(&data.train, 3, &trainer.device).unwrap();
        let (loss, whole) = trainer.loss_and_gradients(&inputs, &targets).unwrap();
        for micro_batch in [1, 2, 4] {
            trainer.config.micro_batch = Some(micro_batch); // 2: pieces of 2, 2 and 1
            let (sum, grads) = trainer.loss_and_gradients(&inputs, &targets).unwrap();
            assert!((sum - loss).abs() < 1e-6);
            for (name, var) in trainer.model.parameters() {
                let apart = (whole.get(var).unwrap() - grads.get(var).unwrap()).unwrap().abs().unwrap();
                let apart = apart.flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
                assert!(apart < 1e-6, "{name}: {apart}");
            }
        }
    }
}

#[test]
fn a_device_without_room_says_which_micro_batch_to_try() {
    let (dir, data, config) = (folder(), data(), config("n", transformer()));
    let options = TrainOptions { quiet: true, ..TrainOptions::default() };
    let trainer = Trainer::open(&config, &data, &dir, &options).unwrap();
    let said = trainer.without_room(Error::Tensor("DriverError(CUDA_ERROR_OUT_OF_MEMORY, …)".into())).to_string();
    let (half, block_size) = (config.batch_size / 2, config.block_size);
    assert!(said.contains(&format!("no room for {} sequences of {block_size} tokens", config.batch_size)), "{said}");
    assert!(said.contains(&format!("micro_batch = {half} in [training]")), "{said}");
    assert_eq!(
        trainer.without_room(Error::Tensor("another".into())).to_string(),
        Error::Tensor("another".into()).to_string()
    );
}

#[test]
fn a_loss_that_is_no_number_says_what_to_do() {
    let (dir, data, config) = (folder(), data(), config("n", transformer()));
    let options = TrainOptions { quiet: true, ..TrainOptions::default() };
    let mut trainer = Trainer::open(&config, &data, &dir, &options).unwrap();
    let (_, weights) = &trainer.model.parameters()[0];
    weights.set(&(weights.as_tensor() * f64::NAN).unwrap()).unwrap();
    let error = trainer.advance().unwrap_err().to_string();
    assert_eq!(
        error,
        "run n: the training loss became NaN at step 1 of 40; lower the learning rate 1e-2 (try 3e-3; a preset calls it \
         transformer_learning_rate), warm up longer (warmup_fraction is 0.1), or clip gradients (a grad_clip below 1)"
    );
}
