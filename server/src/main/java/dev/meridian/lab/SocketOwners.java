package dev.meridian.lab;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Which process on this machine holds the other end of a connection, from Linux's proc(5): all
 * nodes of a lab connect from one loopback address, so that only their processes tell them apart.
 */
final class SocketOwners {
  private static final List<Path> TABLES =
      List.of(Path.of("/proc/net/tcp"), Path.of("/proc/net/tcp6"));
  private static final int LOCAL = 1;
  private static final int REMOTE = 2;
  private static final int INODE = 9;

  private SocketOwners() {}

  /** Whether this machine can tell. */
  static boolean known() {
    return Files.isReadable(TABLES.getFirst());
  }

  /**
   * What a process's end of a connection is called, or null if there is none any more.
   *
   * @param accepted our end
   * @param at where it connected to
   */
  static @Nullable String name(Socket accepted, InetSocketAddress at) {
    String local = hex(accepted.getInetAddress(), accepted.getPort());
    String remote = hex(at.getAddress(), at.getPort());
    for (Path table : TABLES) {
      try {
        for (String line : Files.readAllLines(table, StandardCharsets.US_ASCII)) {
          String[] words = line.strip().split("\\s+");
          // Of IPv4 in IPv6 the address is the last part.
          if (words.length > INODE
              && words[LOCAL].endsWith(local)
              && words[REMOTE].endsWith(remote)) {
            return "socket:[" + words[INODE] + "]";
          }
        }
      } catch (IOException e) {
        // Not a Linux, or without IPv6.
      }
    }
    return null;
  }

  /** Whether a process holds it. */
  static boolean holds(long pid, String name) {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "fd"))) {
      for (Path file : files) {
        if (isLinkTo(file, name)) {
          return true;
        }
      }
    } catch (IOException e) {
      // It has ended.
    }
    return false;
  }

  private static boolean isLinkTo(Path file, String name) {
    try {
      return Files.readSymbolicLink(file).toString().equals(name);
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  /** As the tables show an IPv4 address: its bytes as one number of this machine's order. */
  private static String hex(InetAddress address, int port) {
    byte[] bytes = address.getAddress();
    int end = bytes.length - 1;
    return String.format(
        Locale.ROOT,
        "%02X%02X%02X%02X:%04X",
        bytes[end],
        bytes[end - 1],
        bytes[end - 2],
        bytes[end - 3],
        port);
  }
}
