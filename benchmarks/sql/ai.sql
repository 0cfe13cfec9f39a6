CREATE TEMP VIEW merged AS SELECT *,
  CASE WHEN marks IS NULL OR ai IS NULL THEN 'unknown' ELSE ai END AS written
FROM metrics_pullrequest
WHERE team_id = :team AND (NOT is_bot OR ai = 'agent') AND NOT is_excluded AND NOT is_external
  AND state = 'merged' AND merged_at >= :'since' AND merged_at < :'until';

SELECT date_trunc(:'unit', merged_at AT TIME ZONE 'UTC'), written, count(*) FROM merged GROUP BY 1, 2 ORDER BY 1, 2;

SELECT r.full_name, written, count(*) FROM merged m JOIN metrics_repository r ON r.id = m.repository_id
GROUP BY 1, 2 ORDER BY 1, 2;

SELECT g.name, written, count(*) FROM merged m
JOIN metrics_group_members l ON l.teammember_id = m.author_id JOIN metrics_group g ON g.id = l.group_id
GROUP BY 1, 2 ORDER BY 1, 2;

SELECT tool, count(*), count(*) FILTER (WHERE written = 'agent')
FROM merged, jsonb_array_elements_text(ai_tools) AS tool
WHERE written IN ('assisted', 'agent') GROUP BY 1 ORDER BY 2 DESC;

SELECT count(*) FILTER (WHERE ai_reviews > 0), count(*) FILTER (WHERE ai_reviews > 0 AND reviewer_count = 0),
  count(*) FILTER (WHERE ai_reviews > 0 AND (first_review_at IS NULL OR first_ai_review_at < first_review_at))
FROM merged;

SELECT v.reviewer_github_id, min(v.reviewer_login), count(*), count(DISTINCT v.pull_request_id)
FROM metrics_prreview v JOIN metrics_pullrequest p ON p.id = v.pull_request_id
WHERE v.team_id = :team AND v.is_ai AND v.submitted_at >= :'since' AND v.submitted_at < :'until'
  AND (NOT p.is_bot OR p.ai = 'agent') AND NOT p.is_excluded AND NOT p.is_external
GROUP BY 1 ORDER BY 3 DESC;

WITH counted AS (
  SELECT repository_id, size, written, cycle_time, pickup_time, review_rounds, reviewer_count,
    count(*) FILTER (WHERE written = 'agent') OVER cell AS agents,
    count(*) FILTER (WHERE written = 'assisted') OVER cell AS assisted,
    count(*) FILTER (WHERE written = 'none') OVER cell AS people
  FROM merged WINDOW cell AS (PARTITION BY repository_id, size)
), means AS (
  SELECT repository_id, size, written, max(agents) AS weight, avg(cycle_time) AS cycle_time,
    avg(pickup_time) AS pickup_time, avg(review_rounds) AS rounds, avg((reviewer_count = 0)::int) AS unreviewed
  FROM counted WHERE least(agents, assisted, people) >= 5 AND written IN ('agent', 'assisted', 'none')
  GROUP BY 1, 2, 3
)
SELECT written, sum(weight * cycle_time) / sum(weight), sum(weight * pickup_time) / sum(weight),
  sum(weight * rounds) / sum(weight), sum(weight * unreviewed) / sum(weight)
FROM means GROUP BY 1;
