//! `config/kubernetes/sidecar.yaml` against the configuration that it runs.

use serde_json::{Value, json};

use crate::deployment::{Deployment, RUN, Running, SECRETS, read};
use crate::program::run;

const CONFIG: &str = "/etc/introspectd";

fn pod() -> Value {
    let deployment: Value =
        serde_yaml_ng::from_str(&read("config/kubernetes/sidecar.yaml")).unwrap();
    assert_eq!(
        (&deployment["apiVersion"], &deployment["kind"]),
        (&json!("apps/v1"), &json!("Deployment"))
    );
    let template = &deployment["spec"]["template"];
    assert_eq!(
        deployment["spec"]["selector"]["matchLabels"],
        template["metadata"]["labels"]
    );
    template["spec"].clone()
}

fn sidecar(pod: &Value) -> &Value {
    let sidecar = &pod["initContainers"][0];
    // Without it, the pod would wait for its end.
    assert_eq!(sidecar["restartPolicy"], "Always");
    sidecar
}

fn application(pod: &Value) -> &Value {
    &pod["containers"][0]
}

fn words(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

fn mount<'a>(container: &'a Value, name: &str) -> &'a Value {
    let mounts = container["volumeMounts"].as_array().unwrap();
    mounts.iter().find(|mount| mount["name"] == name).unwrap()
}

fn volume<'a>(pod: &'a Value, name: &str) -> &'a Value {
    pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|volume| volume["name"] == name)
        .unwrap()
}

/// Starts the server with the manifest's arguments.
async fn running(pod: &Value) -> Running {
    Deployment::new()
        .await
        .serve(&words(&sidecar(pod)["args"]), &[])
        .await
}

#[tokio::test]
async fn the_probes_find_the_sidecar_alive_and_not_when_it_is_gone() {
    let pod = pod();
    let running = running(&pod).await;
    let mut probes = Vec::new();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let words = words(&sidecar(&pod)[probe]["exec"]["command"]);
        let (program, arguments) = words.split_first().unwrap();
        // Where the Dockerfile puts it.
        assert!(
            read("Dockerfile").contains(&format!(" {program}\n")),
            "{program}"
        );
        probes.push(
            arguments
                .iter()
                .map(|argument| running.moved(argument))
                .collect::<Vec<_>>(),
        );
    }
    assert!(
        probes[2].contains(&"--ready".to_owned()) && !probes[1].contains(&"--ready".to_owned())
    );
    let probe = |arguments: &[String]| {
        let mut command = running.server.folder.command();
        command.args(arguments);
        run(command, "")
    };
    for arguments in &probes {
        probe(arguments).await.with(0);
    }
    let gone = running.server.folder.path("admin.sock");
    std::fs::remove_file(gone).unwrap();
    for arguments in &probes {
        probe(arguments).await.with(3);
    }
}

#[test]
fn mounted_files_are_where_the_configuration_looks() {
    let pod = pod();
    let (sidecar, application, config) = (
        sidecar(&pod),
        application(&pod),
        read("config/sidecar.toml"),
    );
    let folder = |path: &str| path.trim_end_matches('/').to_owned();
    for container in [sidecar, application] {
        assert_eq!(mount(container, "socket")["mountPath"], folder(RUN));
    }
    // It must make the socket; the application must only not replace it.
    assert_eq!(mount(sidecar, "socket")["readOnly"], Value::Null);
    assert_eq!(mount(application, "socket")["readOnly"], true);
    assert_eq!(volume(&pod, "socket")["emptyDir"]["medium"], "Memory");

    assert_eq!(mount(sidecar, "secrets")["mountPath"], folder(SECRETS));
    assert!(config.contains(&format!("{{ file = \"{SECRETS}sso\" }}")));
    assert_eq!(mount(sidecar, "config")["mountPath"], CONFIG);
    assert!(words(&sidecar["args"]).contains(&format!("{CONFIG}/introspectd.toml")));
    let page = read("docs/sidecar.md");
    let (from_map, from_secret) = (
        &volume(&pod, "config")["configMap"]["name"],
        &volume(&pod, "secrets")["secret"]["secretName"],
    );
    for line in [
        format!(
            "kubectl create configmap {} --from-file=introspectd.toml=config/sidecar.toml",
            from_map.as_str().unwrap()
        ),
        format!(
            "kubectl create secret generic {} --from-file=sso=sso.secret",
            from_secret.as_str().unwrap()
        ),
    ] {
        assert!(page.contains(&line), "{line}");
    }
    assert_eq!(
        mount(application, "socket"),
        &json!({"name": "socket", "mountPath": folder(RUN), "readOnly": true})
    );
    let url = &application["env"][0];
    assert_eq!(
        (&url["name"], &url["value"]),
        (
            &json!("INTROSPECTD_URL"),
            &json!(format!("unix:{RUN}api.sock"))
        )
    );
}

#[test]
fn no_container_may_more_than_it_needs() {
    let pod = pod();
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for container in [sidecar(&pod), application(&pod)] {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    }
    // The socket is of this group, and so is every container.
    assert_eq!(
        pod["securityContext"]["fsGroup"],
        sidecar(&pod)["securityContext"]["runAsGroup"]
    );
    assert_eq!(sidecar(&pod)["ports"], Value::Null);
}

/// The page's formula, and what the unit of systemd says.
#[test]
fn the_limits_of_memory_are_those_of_the_page() {
    let pod = pod();
    let resources = &sidecar(&pod)["resources"];
    assert_eq!(resources["limits"]["memory"], "64Mi");
    assert!(read("config/systemd/introspectd.service").contains("\nMemoryMax=64M\n"));
    assert!(read("config/sidecar.toml").contains("max_bytes = \"16MiB\""));
    assert!(read("docs/sidecar.md").contains("`limit = 32 MiB + 2 × max_bytes`"));
}
