//! Claims about whole models of both families.

use super::*;
use candle_core::DType;

/// A Transformer with biases and a head of its own, one without, one with rotary positions, and an LSTM; vocabulary 11, up to 16
/// positions.
fn models() -> Vec<Model> {
    let gpt = |bias: bool| {
        let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff, tied) = (11, 16, 2, 3, 15, 37, !bias);
        let (positions, init) = (Positions::Learned, InitialSpread::Fixed);
        TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init }
    };
    let rotary =
        TransformerConfig { d_model: 18, positions: Positions::Rotary, init: InitialSpread::ByWidth, ..gpt(false) };
    let lstm = LstmConfig { vocab_size: 11, d_embed: 7, d_hidden: 13, n_layer: 2 };
    let transformers = [gpt(true), gpt(false), rotary].map(ModelConfig::Transformer);
    transformers
        .iter()
        .chain([&ModelConfig::Lstm(lstm)])
        .map(|config| Model::new(config, 5, &Device::Cpu).unwrap())
        .collect()
}

fn tokens(batch: usize, t: usize, salt: u32) -> Tensor {
    let ids: Vec<u32> = (0..(batch * t) as u32).map(|i| (i * i * 7 + i * salt + salt) % 11).collect();
    Tensor::from_vec(ids, (batch, t), &Device::Cpu).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn farthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |top, (a, b)| top.max((a - b).abs()))
}

#[test]
fn configs_count_exactly_the_parameters_that_models_have() {
    for model in models() {
        let n_params: usize = model.parameters().iter().map(|(_, var)| var.elem_count()).sum();
        assert_eq!(n_params, model.config().n_params(), "{}", model.config());
    }
}

#[test]
fn every_parameter_receives_a_gradient() {
    for model in models() {
        let loss = model.loss(&tokens(3, 16, 1), &tokens(3, 16, 2), &mut Dropout::new(0.1, 1).unwrap()).unwrap();
        let grads = loss.backward().unwrap();
        for (name, var) in model.parameters() {
            let grad = numbers(grads.get(var).unwrap_or_else(|| panic!("{name} has no gradient")));
            assert!(grad.iter().any(|&x| x != 0.0) && grad.iter().all(|x| x.is_finite()), "{name}");
        }
    }
}

#[test]
fn pieces_on_tapes_give_the_loss_and_the_gradients_of_the_whole_in_candles_graph() {
    for model in models() {
        let (x, y) = (tokens(5, 9, 1), tokens(5, 9, 2)); // five sequences: unequal pieces
        let dropout = || Dropout::new(0.2, 3).unwrap();
        let graph = model.loss(&x, &y, &mut dropout()).unwrap();
        let in_graph = graph.backward().unwrap();
        for n_threads in [1, 2, 3, 8] {
            let in_pieces = || model.loss_and_gradients(&x, &y, &dropout());
            let (loss, grads) = crate::training::with_threads(Some(n_threads), in_pieces).unwrap();
            assert!((loss - f64::from(graph.to_scalar::<f32>().unwrap())).abs() < 1e-6, "{n_threads} threads: {loss}");
            for (name, var) in model.parameters() {
                let (a, b) = (numbers(grads.get(var).unwrap()), numbers(in_graph.get(var).unwrap()));
                // sums in another order: a few units in the last place of the largest value
                let largest = b.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                assert!(farthest(&a, &b) < 1e-6 * largest.max(0.1), "{name} with {n_threads} threads");
            }
        }
    }
}

#[test]
fn the_first_loss_is_about_ln_vocab_size() {
    for model in models() {
        let loss = model.loss(&tokens(4, 16, 1), &tokens(4, 16, 2), &mut Dropout::off()).unwrap();
        let loss = loss.to_scalar::<f32>().unwrap();
        assert!((loss - 11f32.ln()).abs() < 0.15, "{}: {loss}", model.config());
    }
}

#[test]
fn logits_do_not_depend_on_later_tokens() {
    for model in models() {
        let first = tokens(1, 16, 1);
        let mut ids = first.flatten_all().unwrap().to_vec1::<u32>().unwrap();
        ids[10] = (ids[10] + 1) % 11;
        let second = Tensor::from_vec(ids, (1, 16), &Device::Cpu).unwrap();
        let logits = |x: &Tensor| numbers(&model.forward(x, &mut Dropout::off()).unwrap());
        let (a, b) = (logits(&first), logits(&second));
        assert_eq!(a[..10 * 11], b[..10 * 11]);
        assert_ne!(a[10 * 11..11 * 11], b[10 * 11..11 * 11]);
    }
}

#[test]
fn the_decoder_gives_the_logits_of_the_forward_pass() {
    for model in models() {
        let x = tokens(1, 16, 3);
        let logits = numbers(&model.forward(&x, &mut Dropout::off()).unwrap());
        let mut decoder = model.decoder().unwrap();
        for (i, token) in numbers_of(&x).into_iter().enumerate() {
            let next = decoder.next(token).unwrap();
            assert!(farthest(&next, &logits[i * 11..(i + 1) * 11]) < 1e-5, "{} at {i}", model.config());
        }
        assert_eq!(decoder.next(11).unwrap_err().to_string(), "token 11 is outside the vocabulary of 11");
    }
}

/// Also while some are given up, and beyond a full context.
#[test]
fn sequences_in_lock_step_get_the_very_logits_that_each_gets_alone() {
    for model in models() {
        let ids = numbers_of(&tokens(5, 20, 3));
        let mut alone: Vec<Decoder> = (0..5).map(|_| model.decoders(1, Some(8)).unwrap()).collect();
        let mut together = model.decoders(5, Some(8)).unwrap();
        let mut rows: Vec<usize> = (0..5).collect();
        for i in 0..20 {
            let next: Vec<u32> = rows.iter().map(|row| ids[row * 20 + i]).collect();
            let logits = numbers(&together.next_each(&next).unwrap());
            for ((row, token), logits) in rows.iter().zip(next).zip(logits.chunks(11)) {
                assert_eq!(alone[*row].next(token).unwrap(), logits, "{}: {row} at {i}", model.config());
            }
            if i % 6 == 3 {
                together.swap_remove(i % rows.len()).unwrap();
                rows.swap_remove(i % rows.len());
            }
        }
        assert_eq!((rows.len(), together.n_sequences()), (2, 2));
        let error = together.next_each(&[1]).unwrap_err().to_string();
        assert_eq!(error, "1 tokens for 2 sequences: each reads one at a time");
        assert_eq!(together.swap_remove(2).unwrap_err().to_string(), "there is no sequence 2 among 2");
    }
}

#[test]
fn a_full_context_goes_on_from_its_last_half() {
    for model in &models()[..3] {
        let mut decoder = model.decoders(1, Some(8)).unwrap();
        let ids = numbers_of(&tokens(1, 9, 3));
        let all: Vec<Vec<f32>> = ids.iter().map(|&id| decoder.next(id).unwrap()).collect();
        let seen = Tensor::from_vec(ids[4..].to_vec(), (1, 5), &Device::Cpu).unwrap(); // half of 8, and the new one
        let logits = numbers(&model.forward(&seen, &mut Dropout::off()).unwrap());
        assert!(farthest(&all[8], &logits[4 * 11..]) < 1e-5);
    }
}

fn numbers_of(ids: &Tensor) -> Vec<u32> {
    ids.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn without_gradients_the_numbers_are_the_same_and_nothing_is_recorded() {
    for model in models() {
        let x = tokens(2, 8, 1);
        let plain = model.without_gradients().unwrap().forward(&x, &mut Dropout::off()).unwrap();
        assert_eq!(numbers(&plain), numbers(&model.forward(&x, &mut Dropout::off()).unwrap()));
        assert!(!plain.track_op());
        let loss = model.loss(&x, &x, &mut Dropout::off()).unwrap();
        assert!(loss.track_op(), "with gradients, everything is kept");
        let value = model.loss_value(&x, &x).unwrap();
        assert!((value - f64::from(loss.to_scalar::<f32>().unwrap())).abs() < 1e-6);
        // the parameters are shared: a step of training shows
        let (_, var) = &model.parameters()[0];
        let frozen = model.without_gradients().unwrap();
        var.set(&var.as_tensor().affine(2.0, 0.0).unwrap()).unwrap();
        assert_ne!(numbers(&plain), numbers(&frozen.forward(&x, &mut Dropout::off()).unwrap()));
    }
}

#[test]
fn a_block_longer_than_the_position_table_is_refused() {
    let error = models()[0].forward(&tokens(1, 17, 1), &mut Dropout::off()).unwrap_err().to_string();
    assert_eq!(error, "17 tokens do not fit this model's 16 positions; cut the block");
}

#[test]
fn logits_are_f32_of_the_promised_shape() {
    for model in models() {
        let logits = model.forward(&tokens(3, 5, 1), &mut Dropout::off()).unwrap();
        assert_eq!((logits.dims(), logits.dtype()), ([3, 5, 11].as_slice(), DType::F32));
    }
}

#[test]
fn attention_weights_are_what_the_model_attends_with() {
    for model in models() {
        let Model::Transformer(transformer) = &model else { continue };
        let weights = transformer.attention_weights(&tokens(2, 9, 3)).unwrap();
        assert_eq!(weights.len(), 2);
        for block in &weights {
            assert_eq!(block.dims(), [2, 3, 9, 9]);
            for (i, row) in numbers(block).chunks(9).enumerate() {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                assert!(row[i % 9 + 1..].iter().all(|weight| *weight == 0.0), "a position looks ahead");
            }
        }
        let shorter = transformer.attention_weights(&tokens(2, 17, 3)).unwrap_err().to_string();
        assert!(shorter.contains("17 tokens do not fit this model's 16 positions"), "{shorter}");
    }
}
