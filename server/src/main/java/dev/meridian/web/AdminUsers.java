package dev.meridian.web;

import dev.meridian.account.AccountException;
import dev.meridian.account.Accounts;
import dev.meridian.account.User;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.session.Sessions;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.Site;
import dev.meridian.store.Page;
import io.helidon.http.Status;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the operator does with users' accounts, on the operator's listener. */
final class AdminUsers {
  private static final String NOT_MADE_OF =
      "A user is made of {\"name\":…,\"password\":…} and perhaps \"roles\", a list of words.";

  private final Accounts accounts;
  private final Sessions sessions;

  AdminUsers(Access access) {
    this.accounts = access.accounts();
    this.sessions = access.sessions();
  }

  Json list(int limit, @Nullable String after) {
    Page page = accounts.list(limit, after);
    Map<String, Json> answer = new LinkedHashMap<>();
    answer.put("users", new Json.Arr(Accounts.about(page)));
    String next = page.next();
    answer.put("next", next == null ? Json.NULL : new Json.Str(next));
    return new Json.Obj(answer);
  }

  Json show(String who) {
    return find(who).about();
  }

  /** Takes {@code {"name","password","roles"}}, the last optional. */
  Json create(byte[] body, Site site) {
    Map<String, Json> members = members(body, Set.of("name", "password", "roles"), NOT_MADE_OF);
    try {
      return accounts
          .create(
              text(members, "name"),
              text(members, "password"),
              members.containsKey("roles") ? words(members.get("roles")) : List.of(),
              AccountApi.words(site),
              settings(site))
          .about();
    } catch (AccountException e) {
      throw AccountApi.refused(e);
    }
  }

  /** Takes one of {@code {"password"}}, {@code {"roles"}} and {@code {"disabled"}}. */
  Json change(String who, byte[] body, Site site) {
    Map<String, Json> members =
        members(
            body,
            Set.of("password", "roles", "disabled"),
            "A user is changed by one of \"password\", \"roles\" and \"disabled\".");
    if (members.size() != 1) {
      throw new InvalidInputException("One thing of a user is changed at a time.");
    }
    User user = find(who);
    User changed;
    try {
      changed =
          switch (members.keySet().iterator().next()) {
            case "password" ->
                accounts.setPassword(
                    user, text(members, "password"), AccountApi.words(site), settings(site));
            case "roles" -> accounts.setRoles(user, words(members.get("roles")));
            default -> {
              if (!(members.get("disabled") instanceof Json.Bool(boolean disabled))) {
                throw new InvalidInputException("'disabled' is true or false.");
              }
              yield accounts.setDisabled(user, disabled);
            }
          };
    } catch (AccountException e) {
      throw AccountApi.refused(e);
    }
    if (changed.epoch() != user.epoch()) {
      // They count no more by now; this is to clear away.
      sessions.revokeAll(user.id());
    }
    return changed.about();
  }

  void delete(String who) {
    User user = find(who);
    accounts.delete(user);
    sessions.revokeAll(user.id());
  }

  private User find(String who) {
    return accounts
        .findByIdOrName(who)
        .orElseThrow(
            () -> new ProblemException(Problem.notFound("There is no user '" + who + "'.")));
  }

  private static AccountSettings settings(Site site) {
    return site.accounts()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "The site has no accounts; add 'accounts: on' to site.yaml."));
  }

  private static Map<String, Json> members(byte[] body, Set<String> known, String otherwise) {
    if (!(Json.parse(body) instanceof Json.Obj(Map<String, Json> members))
        || !known.containsAll(members.keySet())) {
      throw new InvalidInputException(otherwise);
    }
    return members;
  }

  private static String text(Map<String, Json> members, String name) {
    if (members.get(name) instanceof Json.Str(String text)) {
      return text;
    }
    throw new ProblemException(
        Problem.of(
            Status.BAD_REQUEST_400,
            "bad-request",
            "The request is not valid",
            "'" + name + "' is missing, or no text."));
  }

  private static List<String> words(@Nullable Json json) {
    if (!(json instanceof Json.Arr(List<Json> items))) {
      throw new InvalidInputException("'roles' is a list of words.");
    }
    List<String> words = new ArrayList<>();
    for (Json item : items) {
      if (!(item instanceof Json.Str(String word))) {
        throw new InvalidInputException("'roles' is a list of words.");
      }
      if (!words.contains(word)) {
        words.add(word);
      }
    }
    return words;
  }
}
