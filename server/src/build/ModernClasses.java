import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Copies a jar and gives its classes of before Java 6 stack maps (JVM specification, section 4.10).
 * The JVM keeps no class without them in its cache, nor any that refers to one, and each start would
 * read and verify them all anew. Nothing else of a class changes.
 *
 * <p>Usage: {@code java ModernClasses.java FROM.jar TO.jar}
 */
final class ModernClasses {
  private ModernClasses() {}

  public static void main(String[] args) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (ZipFile from = new ZipFile(args[0])) {
      for (ZipEntry entry : from.stream().filter(entry -> !entry.isDirectory()).toList()) {
        try (InputStream in = from.getInputStream(entry)) {
          entries.put(entry.getName(), in.readAllBytes());
        }
      }
    }
    ClassHierarchyResolver hierarchy =
        ClassHierarchyResolver.ofResourceParsing(type -> find(entries, type))
            .orElse(ClassHierarchyResolver.defaultResolver());
    ClassFile classes =
        ClassFile.of(
            StackMapsOption.GENERATE_STACK_MAPS, ClassHierarchyResolverOption.of(hierarchy));
    Path to = Path.of(args[1]);
    Path unfinished = to.resolveSibling(to.getFileName() + ".new");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(unfinished))) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        ZipEntry copy = new ZipEntry(entry.getKey());
        copy.setTime(0); // the same input makes the same jar
        out.putNextEntry(copy);
        boolean isClass = entry.getKey().endsWith(".class");
        out.write(isClass ? modern(classes, entry.getValue()) : entry.getValue());
        out.closeEntry();
      }
    }
    Files.move(unfinished, to, StandardCopyOption.REPLACE_EXISTING);
  }

  private static InputStream find(Map<String, byte[]> entries, ClassDesc type) {
    String descriptor = type.descriptorString();
    byte[] found = entries.get(descriptor.substring(1, descriptor.length() - 1) + ".class");
    return found == null ? null : new ByteArrayInputStream(found);
  }

  private static byte[] modern(ClassFile classes, byte[] bytes) {
    ClassModel old = classes.parse(bytes);
    if (old.majorVersion() >= ClassFile.JAVA_6_VERSION) {
      return bytes;
    }
    ClassTransform version =
        (builder, element) ->
            builder.with(
                element instanceof ClassFileVersion
                    ? ClassFileVersion.of(ClassFile.JAVA_6_VERSION, 0)
                    : element);
    return classes.transformClass(
        old, version.andThen(ClassTransform.transformingMethodBodies(CodeBuilder::with)));
  }
}
