package dev.meridian;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Arrows between rooms point only down the list in ARCHITECTURE.md. */
class LayersTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.meridian");

  @Test
  void arrowsPointDown() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("dev.meridian..")
        .withOptionalLayers(true)
        .layer("program")
        .definedBy("dev.meridian")
        .layer("cli")
        .definedBy("dev.meridian.cli..")
        .layer("torture")
        .definedBy("dev.meridian.torture..")
        .layer("lab")
        .definedBy("dev.meridian.lab..")
        .layer("node")
        .definedBy("dev.meridian.node..")
        .layer("web")
        .definedBy("dev.meridian.web..")
        .layer("handler")
        .definedBy("dev.meridian.handler..")
        .layer("dns")
        .definedBy("dev.meridian.dns..")
        .layer("account")
        .definedBy("dev.meridian.account..")
        .layer("session")
        .definedBy("dev.meridian.session..")
        .layer("cache")
        .definedBy("dev.meridian.cache..")
        .layer("shard")
        .definedBy("dev.meridian.shard..")
        .layer("replica")
        .definedBy("dev.meridian.replica..")
        .layer("peer")
        .definedBy("dev.meridian.peer..")
        .layer("store")
        .definedBy("dev.meridian.store..")
        .layer("site")
        .definedBy("dev.meridian.site..")
        .layer("health")
        .definedBy("dev.meridian.health..")
        .layer("geo")
        .definedBy("dev.meridian.geo..")
        .layer("files")
        .definedBy("dev.meridian.files..")
        .layer("document")
        .definedBy("dev.meridian.document..")
        .layer("client")
        .definedBy("dev.meridian.client..")
        .whereLayer("program")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("cli")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("lab")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("torture")
        .mayOnlyBeAccessedByLayers("cli", "lab")
        .whereLayer("node")
        .mayOnlyBeAccessedByLayers("program", "cli")
        .whereLayer("web")
        .mayOnlyBeAccessedByLayers("program", "cli", "node")
        .whereLayer("handler")
        .mayOnlyBeAccessedByLayers("program", "cli", "node", "web")
        .whereLayer("dns")
        .mayOnlyBeAccessedByLayers("cli", "node")
        .whereLayer("account")
        .mayOnlyBeAccessedByLayers("cli", "node", "web")
        .whereLayer("session")
        .mayOnlyBeAccessedByLayers("cli", "node", "web")
        .whereLayer("cache")
        .mayOnlyBeAccessedByLayers("node", "web")
        .whereLayer("shard")
        .mayOnlyBeAccessedByLayers("cli", "node")
        .whereLayer("replica")
        .mayOnlyBeAccessedByLayers("cli", "node", "shard")
        .whereLayer("peer")
        .mayOnlyBeAccessedByLayers("cli", "node", "shard", "replica")
        .whereLayer("store")
        .mayOnlyBeAccessedByLayers(
            "program", "cli", "node", "web", "handler", "account", "session", "cache", "shard",
            "replica")
        .whereLayer("health")
        .mayOnlyBeAccessedByLayers("node", "web")
        .whereLayer("site")
        .mayOnlyBeAccessedByLayers("program", "cli", "node", "web", "dns", "account", "health")
        .whereLayer("geo")
        .mayOnlyBeAccessedByLayers("cli", "node", "dns", "site")
        .whereLayer("files")
        .mayOnlyBeAccessedByLayers("dns", "peer")
        .whereLayer("document")
        .mayOnlyBeAccessedByLayers(
            "cli", "torture", "node", "web", "handler", "dns", "account", "session", "cache",
            "shard", "replica", "peer", "store", "site", "geo", "files", "health")
        .whereLayer("client")
        .mayOnlyBeAccessedByLayers("cli")
        .check(CLASSES);
  }

  @Test
  void roomsAreFreeOfCycles() {
    slices().matching("dev.meridian.(*)..").should().beFreeOfCycles().check(CLASSES);
  }
}
