/*
 * What the pages do beyond HTML: suggestions while typing, the visited counter, the clock and the
 * copy buttons. Each page works without it: search submits its form, facts and lists are HTML.
 */

/** Runs `action` once `wait` milliseconds have passed without another call. */
function debounce(action, wait) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}

/** An element with attributes and children, which are text or elements: never markup. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Suggestions below a search field: the combobox pattern of the ARIA Authoring Practices. */
function suggest(form) {
  const input = form.elements.q;
  const list = element('ul', {
    class: 'suggestions', id: 'suggestions', role: 'listbox', 'aria-label': 'Suggestions', hidden: '',
  });
  form.append(list);
  const roles = {
    role: 'combobox', 'aria-expanded': 'false', 'aria-controls': list.id, 'aria-autocomplete': 'list',
  };
  for (const [key, value] of Object.entries(roles)) input.setAttribute(key, value);
  let asked = 0;
  let chosen = -1;

  const show = visible => {
    list.hidden = !visible;
    input.setAttribute('aria-expanded', String(visible));
    if (!visible) choose(-1);
  };
  const choose = index => {
    chosen = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === index)));
    if (index < 0) input.removeAttribute('aria-activedescendant');
    else input.setAttribute('aria-activedescendant', list.children[index].id);
  };
  const option = (href, flag, name, note, index) =>
    element('li', {role: 'option', id: `suggestion-${index}`, 'aria-selected': 'false'},
      element('a', {href, tabindex: '-1'},
        element('img', {class: 'flag', src: `/flags/${flag}.svg`, alt: '', width: '24', height: '16'}),
        element('span', {}, name), element('small', {}, note)));

  const ask = debounce(async () => {
    const text = input.value.trim();
    const turn = ++asked;
    if (text === '') return show(false);
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(text)}`, {headers: {Accept: 'application/json'}});
      const {countries, cities} = answer.ok ? await answer.json() : {};
      if (turn !== asked) return; // A later question is under way: its answer is the one to show.
      const options = [
        ...(countries?.items ?? []).slice(0, 2).map(c => [`/countries/${c.id}`, c.id, c.value.name, c.value.region]),
        ...(cities?.items ?? []).slice(0, 7).map(c => [`/cities/${c.id}`, c.value.country, c.value.name, c.value.region ?? '']),
      ];
      // What is chosen stays so where it is among the new ones.
      const kept = list.children[chosen]?.firstChild.getAttribute('href');
      list.replaceChildren(...options.map((o, i) => option(...o, i)));
      choose(options.findIndex(([href]) => href === kept));
      show(options.length > 0 && document.activeElement === input);
    } catch {
      if (turn === asked) show(false); // Without suggestions the form still searches.
    }
  }, 120);

  input.addEventListener('input', ask);
  input.addEventListener('focus', () => list.children.length > 0 && input.value.trim() !== '' && show(true));
  input.addEventListener('keydown', event => {
    if (event.key === 'Escape') return show(false);
    if (list.hidden) return;
    const count = list.children.length;
    if (event.key === 'ArrowDown') choose((chosen + 1) % count);
    else if (event.key === 'ArrowUp') choose(chosen <= 0 ? count - 1 : chosen - 1);
    else if (event.key === 'Enter' && chosen >= 0) location.assign(list.children[chosen].firstChild.href);
    else return;
    event.preventDefault();
  });
  form.addEventListener('focusout', event => form.contains(event.relatedTarget) || show(false));
  // Keep the focus in the field while a suggestion is clicked, or the list would close first.
  list.addEventListener('pointerdown', event => event.preventDefault());
}

/**
 * The visited counter. The page carries a grant, a signed permission to do this one increment; the
 * browser remembers that it has been used, so that a reader counts once.
 */
function visited(box) {
  const {path, grant} = box.dataset;
  const button = box.querySelector('button');
  const output = box.querySelector('output');
  const note = box.querySelector('output + span');
  const key = `been:${path}`;
  const been = () => {
    button.disabled = true;
    button.textContent = 'You have been here';
  };
  let stored = null;
  try {
    stored = localStorage.getItem(key);
  } catch {
    // Storage may be forbidden; then the button works on every visit.
  }
  if (stored) return been();
  button.disabled = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      const answer = await fetch(`/data${path}`, {
        method: 'PATCH',
        headers: {
          'Content-Type': 'application/vnd.meridian.increment+json',
          'Meridian-Grant': grant,
          Prefer: 'return=representation',
        },
        body: JSON.stringify({count: 1}),
      });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const {count} = await answer.json();
      output.textContent = new Intl.NumberFormat('en').format(count);
      note.textContent = count === 1 ? 'reader has been here' : 'readers have been here';
      been();
      try {
        localStorage.setItem(key, '1');
      } catch {
        // As above.
      }
    } catch (error) {
      console.warn('The visit was not counted:', error);
      note.textContent = 'readers have been here. Your visit was not counted: reload the page and try again.';
      button.disabled = false;
    }
  });
}

function clock(place) {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: place.dataset.clock, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
  });
  const tick = () => {
    place.textContent = format.format(new Date());
  };
  tick();
  setInterval(tick, 10_000);
}

function copies(button) {
  if (!navigator.clipboard) return;
  const name = button.textContent;
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(new URL(button.dataset.copy, location.href).href);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = name), 2000);
  });
}

document.querySelectorAll('form.search').forEach(suggest);
document.querySelectorAll('.visited').forEach(visited);
document.querySelectorAll('[data-clock]').forEach(clock);
document.querySelectorAll('[data-copy]').forEach(copies);
