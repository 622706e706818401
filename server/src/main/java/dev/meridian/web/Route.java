package dev.meridian.web;

import java.util.Locale;

/** The kinds of requests that metrics and the access log tell apart: few, whatever clients send. */
public enum Route {
  /** One document of the data API. */
  DOCUMENT,
  /** A collection of the data API: a list, or a document with an id of the server's. */
  COLLECTION,
  /** An atomic batch. */
  BATCH,
  /** A watch, counted when it ends. */
  WATCH,
  /** A page made from a template. */
  PAGE,
  /** What the team's own Java answers. */
  HANDLER,
  /** The visitor's session. */
  SESSION,
  /** The user's account. */
  ACCOUNT,
  /** A file from the site's public folder. */
  STATIC,
  /** The API's description. */
  OPENAPI,
  /** The operator's listener. */
  ADMIN,
  /** Everything else, such as addresses with nothing behind them. */
  OTHER;

  private final String label = name().toLowerCase(Locale.ROOT);

  /** The name in metrics and logs. */
  String label() {
    return label;
  }
}
