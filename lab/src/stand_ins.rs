//! Programs that evcxr and cargo find in place of rustc, cargo and rustup.

use super::kernel::OWN_CRATES;
use super::toolchain::{rustc, sysroot};
use crate::{Error, Result};
use music_scaling::files::{read_text, write_atomic};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A program for cargo to start in place of rustc: where one of our own crates would be compiled, it copies the finished one.
/// cargo gives a crate's file another hash here than in the workspace; the library looks for the workspace's, cargo for its own.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_rustc(path: &Path, finished: &Path) -> Result<PathBuf> {
    let script = format!(
        r#"#!/bin/sh
finished={finished}
case "$2" in {names})
    name=$2 hash=
    for argument in "$@"; do
        case "$argument" in extra-filename=*) hash=${{argument#extra-filename=}} ;; esac
        case "$before" in --out-dir) out=$argument ;; esac
        before=$argument
    done
    for kind in rlib rmeta so dylib; do
        [ -e "$finished/lib$name.$kind" ] || continue
        rm -f "$out/lib$name$hash.$kind"
        cp -p "$finished/lib$name.$kind" "$out/lib$name$hash.$kind" || exit 1
    done
    exec cp -p "$finished/$name.d" "$out/$name$hash.d" ;;
esac
exec {rustc} "$@"
"#,
        finished = quoted(finished),
        names = OWN_CRATES.join(" | "),
        rustc = quoted(&rustc()?),
    );
    write_program(path, &script)?;
    Ok(path.to_owned())
}

/// `cargo/bin` in a kernel's folder, with a `cargo`, and a `rustup` that names it to evcxr. Three things differ from the real one:
/// - `check` is `build`. Where evcxr cannot keep a variable (a closure, an open type), it lets `cargo check` find the words, which
///   would begin with every third-party crate; build says the same with what is compiled already.
/// - What the type inference asks, it hears without the crates that no cell names ([`without_inner_crates`]).
/// - A crate that a cell asks for with `:dep` and that is not on this machine is fetched. evcxr first asks about it with a manifest
///   that has nothing else; the versions of all other crates outlast that.
///
/// # Errors
/// It cannot be written, or rustc does not start.
pub(super) fn write_cargo(folder: &Path) -> Result<PathBuf> {
    let programs = folder.join("cargo/bin");
    let this_program = std::env::current_exe().map_err(Error::file("find", "the running program"))?;
    let script = format!(
        r#"#!/bin/sh
{home}
for argument do
    shift
    case "$argument" in check) argument=build ;; esac
    set -- "$@" "$argument"
done
said=$(mktemp -d) || exit 1
trap 'rm -r "$said"' EXIT
grep -qs evcxr_dummy_validate_dep Cargo.toml && cp Cargo.lock "$said/lock"
{cargo} "$@" >"$said/out" 2>"$said/err"
code=$?
case "$*" in
--offline\ *)
    if [ $code != 0 ] && grep -q -e --offline "$said/err"; then
        shift
        {cargo} --config net.offline=false "$@" >"$said/out" 2>"$said/err"
        code=$?
    fi ;;
metadata*) {this} without-inner-crates <"$said/out" >"$said/fewer" && mv "$said/fewer" "$said/out" ;;
esac
[ -e "$said/lock" ] && cp "$said/lock" Cargo.lock
cat "$said/out"
cat "$said/err" >&2
exit $code
"#,
        home = std::env::var_os("CARGO_HOME")
            .map_or("unset CARGO_HOME".into(), |home| format!("export CARGO_HOME={}", quoted(Path::new(&home)))),
        cargo = quoted(&sysroot()?.join("bin/cargo")),
        this = quoted(&this_program),
    );
    write_program(&programs.join("cargo"), &script)?;
    let rustup = format!(
        "#!/bin/sh\ncase \"$*\" in 'which cargo') echo {} ;; 'which rustc') echo {} ;; *) exit 1 ;; esac\n",
        quoted(&programs.join("cargo")),
        quoted(&rustc()?)
    );
    write_program(&programs.join("rustup"), &rustup)?;
    Ok(programs)
}

/// Third-party crates whose types variables of notebooks have.
const NAMED_IN_CELLS: [&str; 7] =
    ["candle-core", "candle-nn", "plotters", "polars", "polars-core", "polars-error", "serde_json"];

/// The answer of `cargo metadata` about a kernel's crate without the crates inside the library that no cell names: three quarters
/// of a kernel's memory and half of its start were their source text. Crates that a cell added with `:dep` stay, whole.
///
/// # Errors
/// The text is not such an answer.
pub fn without_inner_crates(metadata: &str) -> Result<String> {
    let mut metadata: Value = serde_json::from_str(metadata)
        .map_err(|error| Error::Lab(format!("cargo metadata gave something else: {error}")))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (packages, nodes) = (list(&metadata["packages"]), list(&metadata["resolve"]["nodes"]));
    let is_own = |package: &Value| package["source"].is_null();
    if !packages.iter().any(|package| is_own(package) && package["name"] == "music-scaling") {
        return Ok(metadata.to_string()); // the standard library's
    }
    let is_named = |package: &&Value| is_own(package) || NAMED_IN_CELLS.iter().any(|name| package["name"] == *name);
    let mut kept: BTreeSet<&str> =
        packages.iter().filter(is_named).filter_map(|package| package["id"].as_str()).collect();
    let mut added: Vec<&Value> = nodes.iter().filter(|node| node["id"] == metadata["resolve"]["root"]).collect();
    while let Some(node) = added.pop() {
        for id in node["dependencies"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if kept.insert(id) {
                added.extend(nodes.iter().filter(|node| node["id"] == id));
            }
        }
    }
    let is_kept = |id: &Value| id.as_str().is_some_and(|id| kept.contains(id));
    let mut kept_nodes: Vec<Value> = nodes.iter().filter(|node| is_kept(&node["id"])).cloned().collect();
    for node in &mut kept_nodes {
        node["deps"] = list(&node["deps"]).into_iter().filter(|dependency| is_kept(&dependency["pkg"])).collect();
        node["dependencies"] = list(&node["dependencies"]).into_iter().filter(is_kept).collect();
    }
    metadata["packages"] = packages.iter().filter(|package| is_kept(&package["id"])).cloned().collect();
    metadata["resolve"]["nodes"] = kept_nodes.into();
    Ok(metadata.to_string())
}

/// Writes a file where it does not say the same already: cargo looks at the time of its change.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_if_changed(path: &Path, text: &str) -> Result<()> {
    if read_text(path).is_ok_and(|present| present == text) { Ok(()) } else { Ok(write_atomic(path, text)?) }
}

fn write_program(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    write_if_changed(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::file("make executable", path))
}

/// A path as one word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_hears_of_the_crates_that_cells_name() {
        let package =
            |name: &str, source: Option<&str>| serde_json::json!({"id": name, "name": name, "source": source});
        let node = |id: &str, dependencies: &[&str]| {
            let deps: Vec<Value> = dependencies.iter().map(|name| serde_json::json!({"pkg": name})).collect();
            serde_json::json!({"id": id, "dependencies": dependencies, "deps": deps})
        };
        let third = Some("registry");
        let metadata = serde_json::json!({
            "packages": [
                package("ctx", None), package("music-scaling", None), package("polars", third), package("gemm", third),
                package("rand", third), package("rand_core", third),
            ],
            "resolve": { "root": "ctx", "nodes": [
                node("ctx", &["music-scaling", "rand"]), node("music-scaling", &["polars", "gemm"]), node("polars", &["gemm"]),
                node("gemm", &[]), node("rand", &["rand_core"]), node("rand_core", &[]),
            ]},
        });
        let fewer: Value = serde_json::from_str(&without_inner_crates(&metadata.to_string()).unwrap()).unwrap();
        let names = |list: &Value, key: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&fewer["packages"], "name"), ["ctx", "music-scaling", "polars", "rand", "rand_core"]);
        let nodes = &fewer["resolve"]["nodes"];
        assert_eq!(names(nodes, "id"), ["ctx", "music-scaling", "polars", "rand", "rand_core"]);
        assert_eq!(names(&nodes[1]["deps"], "pkg"), ["polars"]);
        assert_eq!(nodes[2]["dependencies"], serde_json::json!([]));
        assert!(without_inner_crates("no").is_err());
    }
}
