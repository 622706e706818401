package dev.meridian.cli;

/** x. */
public final class Meridian {
  private Meridian() {}

  static void main(String[] args) {
    System.out.println("hi");
  }
}
